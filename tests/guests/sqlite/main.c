// SQLite at work: a mixed load of inserts, indexed lookups, joins, updates, sorting, text search and deletes, in memory.
// What it prints depends on its size alone.
//
// sqlite [ROWS]

#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

static sqlite3 *database;

static void check(int code, const char *what) {
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW) return;
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void execute(const char *sql) { check(sqlite3_exec(database, sql, NULL, NULL, NULL), sql); }

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), sql);
    return statement;
}

// Runs a query and prints its first row.
static void report(const char *label, const char *sql) {
    sqlite3_stmt *statement = prepare(sql);
    check(sqlite3_step(statement), sql);
    printf("%s:", label);
    for (int column = 0; column < sqlite3_column_count(statement); column++) {
        printf(" %s", (const char *)sqlite3_column_text(statement, column));
    }
    printf("\n");
    check(sqlite3_finalize(statement), sql);
}

static unsigned state = 1;

static int next_random(int limit) {
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (unsigned)limit);
}

static void insert(int rows) {
    static const char *const cities[] = {"Berlin", "Lagos", "Lima", "Osaka", "Pune", "Quito", "Turin"};
    sqlite3_stmt *person = prepare("INSERT INTO person VALUES (?1, ?2, ?3)");
    sqlite3_stmt *purchase = prepare("INSERT INTO purchase (person, cents, note) VALUES (?1, ?2, ?3)");
    char text[64];
    execute("BEGIN");
    for (int row = 1; row <= rows; row++) {
        snprintf(text, sizeof text, "person %d", row * 7919 % rows);
        sqlite3_bind_int(person, 1, row);
        sqlite3_bind_text(person, 2, text, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(person, 3, cities[next_random(7)], -1, SQLITE_STATIC);
        check(sqlite3_step(person), "insert a person");
        sqlite3_reset(person);
        for (int i = 0; i < 3; i++) {
            snprintf(text, sizeof text, "note %x on %d", next_random(1 << 20), row);
            sqlite3_bind_int(purchase, 1, 1 + next_random(rows));
            sqlite3_bind_int(purchase, 2, next_random(100000));
            sqlite3_bind_text(purchase, 3, text, -1, SQLITE_TRANSIENT);
            check(sqlite3_step(purchase), "insert a purchase");
            sqlite3_reset(purchase);
        }
    }
    execute("COMMIT");
    sqlite3_finalize(person);
    sqlite3_finalize(purchase);
}

static void look_up(int rows) {
    sqlite3_stmt *statement = prepare("SELECT sum(cents) FROM purchase WHERE person = ?1");
    long long total = 0;
    for (int i = 0; i < rows; i++) {
        sqlite3_bind_int(statement, 1, 1 + next_random(rows));
        check(sqlite3_step(statement), "look up");
        total += sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    printf("looked up: %lld\n", total);
}

int main(int argc, char **argv) {
    int rows = argc > 1 ? atoi(argv[1]) : 300;
    check(sqlite3_open(":memory:", &database), "open");
    execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, city TEXT);"
            "CREATE TABLE purchase (id INTEGER PRIMARY KEY, person INTEGER, cents INTEGER, note TEXT);"
            "CREATE INDEX purchase_person ON purchase (person);");
    insert(rows);
    look_up(rows);
    report("by city", "SELECT city, count(*), sum(cents) FROM person JOIN purchase ON person = person.id "
                      "GROUP BY city ORDER BY 3 DESC");
    report("search", "SELECT count(*) FROM purchase WHERE note LIKE '%a_ on%7%'");
    execute("UPDATE purchase SET cents = cents + 1 WHERE note GLOB '*[13579]'");
    report("sorted", "SELECT group_concat(name) FROM (SELECT name FROM person ORDER BY name DESC, id LIMIT 5)");
    report("recursive", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
                        "SELECT sum(i), max(i * i % 97) FROM n");
    execute("DELETE FROM purchase WHERE person % 3 = 0; VACUUM;");
    report("left", "SELECT count(*), sum(cents) FROM purchase");
    check(sqlite3_close(database), "close");
    return 0;
}
