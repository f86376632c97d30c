// Exercises the C allocator and calls through pointers: malloc, calloc, realloc that grows and shrinks, free, qsort.
//
// c-work [SIZE]

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
    struct node *next;
    unsigned value;
};

static unsigned state = 12345;

static unsigned next_random(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static int compare(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

__attribute__((noinline)) static struct node *build_list(int length) {
    struct node *head = NULL;
    for (int i = 0; i < length; i++) {
        struct node *node = malloc(sizeof *node);
        node->next = head;
        node->value = next_random();
        head = node;
    }
    return head;
}

__attribute__((noinline)) static unsigned *to_array(struct node *list, int *length) {
    int capacity = 0;
    unsigned *array = NULL;
    *length = 0;
    for (struct node *node = list; node; node = node->next) {
        if (*length == capacity) {
            capacity = capacity ? capacity * 2 : 4;
            array = realloc(array, capacity * sizeof *array);
        }
        array[(*length)++] = node->value;
    }
    return realloc(array, *length * sizeof *array);
}

__attribute__((noinline)) static void free_list(struct node *list) {
    while (list) {
        struct node *next = list->next;
        free(list);
        list = next;
    }
}

__attribute__((noinline)) static unsigned checksum(const unsigned *array, int length) {
    unsigned *sums = calloc(length + 1, sizeof *sums);
    for (int i = 0; i < length; i++) sums[i + 1] = sums[i] * 31 + array[i];
    unsigned result = sums[length];
    free(sums);
    return result;
}

int main(int argc, char **argv) {
    int size = argc > 1 ? atoi(argv[1]) : 1000;
    struct node *list = build_list(size);
    int length;
    unsigned *array = to_array(list, &length);
    qsort(array, length, sizeof *array, compare);
    printf("smallest %u, largest %u, checksum %u\n", array[0], array[length - 1], checksum(array, length));
    free(array);
    free_list(list);
    return 0;
}
