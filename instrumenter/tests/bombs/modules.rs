//! The bombs: modules that are small for what they say. One function each; all are written byte by byte.

use wasm_encoder::Encode;

/// A bomb and what it does, in words.
pub type Bomb = (&'static str, fn() -> Vec<u8>);

/// Every bomb.
pub const ALL: &[Bomb] = &[
    ("100,000 functions of 50,000 locals", many_locals),
    ("a br_table of 7.6 million labels", br_table),
    ("2.5 million blocks in each other", nesting),
    ("500,000 try_tables in each other, each with a clause to the outermost", try_tables),
    ("1,000,000 functions", || small_functions(1_000_000)),
    ("990,000 functions", || small_functions(990_000)),
    ("a body at the limit, of calls whose index grows", calls_at_the_limit),
    ("a body near the limit, of returns", returns),
    ("a body near the limit, of ref.func", references),
    ("a million memory.grow", grows),
    ("600,000 handlers", handlers),
    ("indices padded to five bytes", padded),
    ("names of functions that do not exist, in no order", lying_names),
    ("a name section that promises four billion names", promising_names),
    ("one large body, its labels named 100,000 times", labels_again),
    ("names that unfold when they are demangled", demangler_bombs),
    ("names of 100 KB", long_names),
    ("an element segment of 9 million functions", elements),
    ("1.5 million element expressions", element_expressions),
    ("300,000 exports", exports),
    ("60 exports with names of 99,990 bytes", long_exports),
    ("200,000 imports", imports),
    ("a million compact imports of nothing", compact_imports),
    ("compact imports that share a name of 90 KB", compact_imports_of_a_long_name),
    ("a million empty custom sections", custom_sections),
    ("200,000 sections that go stale", stale_sections),
    ("a section that looks like our manifest", manifest_like),
    ("2 million producers", producers),
    ("a million types", types),
    ("300,000 different types", different_types),
    ("a million empty recursion groups", recursion_groups),
    ("a million globals", globals),
    ("1,000 results, returned from 100,000 bodies", results),
];

/// What the bombs are compared with: functions of ordinary length that compute something.
pub fn ordinary() -> Vec<u8> {
    // i32.const 1000, i32.const 7, i32.mul, drop
    let code = [0x41, 0xe8, 0x07, 0x41, 7, 0x6c, 0x1a];
    functions(&vec![body(&code.repeat(15)); 5_000])
}

const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const TABLE: u8 = 4;
const MEMORY: u8 = 5;
const TAG: u8 = 13;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const ELEMENT: u8 = 9;
const CODE: u8 = 10;

const BODY_BYTES_MAX: usize = 7_654_321;
/// The type section `() -> ()`.
const NOTHING: &[u8] = &[1, 0x60, 0, 0];
const END: u8 = 0x0b;

fn leb(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    (number as u64).encode(&mut bytes);
    bytes
}

/// So many items, all the same.
fn vector(count: usize, item: &[u8]) -> Vec<u8> {
    [leb(count), item.repeat(count)].concat()
}

/// Items, each with its length before it.
fn bodies(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = leb(items.len());
    items.iter().for_each(|item| item.as_slice().encode(&mut bytes));
    bytes
}

fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        bytes.push(*id);
        contents.encode(&mut bytes);
    }
    bytes
}

/// A module of functions of type `() -> ()`.
fn functions(code: &[Vec<u8>]) -> Vec<u8> {
    module(&[(TYPE, NOTHING), (FUNCTION, &vector(code.len(), &[0])), (CODE, &bodies(code))])
}

/// A body without locals: instructions between what begins and ends it.
fn body(instructions: &[u8]) -> Vec<u8> {
    [&[0], instructions, &[END]].concat()
}

fn custom(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    name.encode(&mut bytes);
    bytes.extend_from_slice(contents);
    bytes
}

/// A module and a name section with one subsection.
fn named(mut module: Vec<u8>, id: u8, subsection: &[u8]) -> Vec<u8> {
    let mut contents = vec![id];
    subsection.encode(&mut contents);
    module.push(0);
    custom("name", &contents).as_slice().encode(&mut module);
    module
}

fn name_map(names: impl Iterator<Item = (usize, String)>) -> Vec<u8> {
    let (mut count, mut items) = (0, Vec::new());
    for (index, name) in names {
        items.extend(leb(index));
        name.as_str().encode(&mut items);
        count += 1;
    }
    [leb(count), items].concat()
}

fn many_locals() -> Vec<u8> {
    let body = [&[1][..], &leb(50_000), &[0x7f, END]].concat();
    functions(&vec![body; 100_000])
}

fn br_table() -> Vec<u8> {
    functions(&[body(&[&[0x41, 0, 0x0e][..], &vector(7_600_000, &[0]), &[0]].concat())])
}

fn nesting() -> Vec<u8> {
    let depth = 2_500_000;
    functions(&[body(&[[0x02, 0x40].repeat(depth), [END].repeat(depth)].concat())])
}

fn try_tables() -> Vec<u8> {
    let depth = 500_000;
    // (try_table (catch_all outermost)
    let mut code: Vec<u8> = (0..depth).flat_map(|at| [&[0x1f, 0x40, 1, 2][..], &leb(at)].concat()).collect();
    code.extend([END].repeat(depth));
    functions(&[body(&code)])
}

fn small_functions(count: usize) -> Vec<u8> {
    functions(&vec![body(&[]); count])
}

fn calls_at_the_limit() -> Vec<u8> {
    let mut code = vec![body(&[]); 200];
    code.push(body(&[0x10, 127].repeat((BODY_BYTES_MAX - 2) / 2)));
    functions(&code)
}

fn returns() -> Vec<u8> {
    functions(&[body(&[0x0f].repeat(7_000_000))])
}

fn references() -> Vec<u8> {
    let code = vec![body(&[]), body(&[0xd2, 0, 0x1a].repeat(2_500_000))];
    // An element segment that declares function 0 as referred to.
    let elements = [1, 3, 0, 1, 0];
    let functions = vector(2, &[0]);
    module(&[(TYPE, NOTHING), (FUNCTION, &functions), (ELEMENT, &elements), (CODE, &bodies(&code))])
}

fn grows() -> Vec<u8> {
    let code = bodies(&[body(&[0x41, 0, 0x40, 0, 0x1a].repeat(1_000_000))]);
    module(&[(TYPE, NOTHING), (FUNCTION, &[1, 0]), (MEMORY, &[1, 0, 0]), (CODE, &code)])
}

fn handlers() -> Vec<u8> {
    // (try (catch 0))
    let code = bodies(&[body(&[0x06, 0x40, 0x07, 0, END].repeat(600_000))]);
    module(&[(TYPE, NOTHING), (FUNCTION, &[1, 0]), (TAG, &[1, 0, 0]), (CODE, &code)])
}

fn padded() -> Vec<u8> {
    functions(&[body(&[0x10, 0x80, 0x80, 0x80, 0x80, 0].repeat(1_000_000))])
}

fn lying_names() -> Vec<u8> {
    let names = (0..300_000).map(|at| ((at * 7_919) % 4_000_000_000, format!("{at}")));
    named(small_functions(10), 1, &name_map(names))
}

fn promising_names() -> Vec<u8> {
    named(small_functions(10), 1, &leb(u32::MAX as usize))
}

fn labels_again() -> Vec<u8> {
    let large = functions(&[body(&[0x02, 0x40, END].repeat(1_000_000))]);
    // For function 0 again and again: one label, number 0, without a name.
    named(large, 3, &vector(100_000, &[0, 1, 0, 0]))
}

fn demangler_bombs() -> Vec<u8> {
    let count = 20_000;
    // Each pair holds the one before it twice: 2^30 names of a type.
    let pairs = (0..30).fold("i".to_string(), |inner, at| match at {
        0 => format!("St4pairI{inner}{inner}E"),
        _ => format!("St4pairI{inner}S{}_E", ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"][at % 11]),
    });
    let nested = format!("_ZN{}1fEv", "1a".repeat(2_000));
    let pointers = format!("_Z1f{}i", "P".repeat(2_000));
    let backrefs = format!("_RINvC1a1f{}hE", "TB1_".repeat(1_000));
    let tuples = format!("_RINvC1a1f{}hE", "T".repeat(3_000));
    let legacy = format!("_ZN{}17h0123456789abcdefE", "6$u20$a".repeat(500));
    let bombs = [format!("_Z1f{pairs}"), nested, pointers, backrefs, tuples, legacy];
    let names = (0..count).map(|at| (at, bombs[at % bombs.len()].clone()));
    named(small_functions(count), 1, &name_map(names.take(2_000)))
}

fn long_names() -> Vec<u8> {
    named(small_functions(60), 1, &name_map((0..60).map(|at| (at, "\\20".repeat(33_000)))))
}

fn with_elements(elements: &[u8]) -> Vec<u8> {
    let (code, table) = (bodies(&[body(&[])]), [1, 0x70, 0, 0]);
    module(&[(TYPE, NOTHING), (FUNCTION, &[1, 0]), (TABLE, &table), (ELEMENT, elements), (CODE, &code)])
}

fn elements() -> Vec<u8> {
    with_elements(&[&[1, 0, 0x41, 0, END][..], &vector(9_000_000, &[0])].concat())
}

fn element_expressions() -> Vec<u8> {
    with_elements(&[&[1, 4, 0x41, 0, END][..], &vector(1_500_000, &[0xd2, 0, END])].concat())
}

fn with_exports(names: impl Iterator<Item = String>) -> Vec<u8> {
    let (mut count, mut items) = (0, Vec::new());
    for name in names {
        name.as_str().encode(&mut items);
        items.extend([0, 0]);
        count += 1;
    }
    let (code, exports) = (bodies(&[body(&[])]), [leb(count), items].concat());
    module(&[(TYPE, NOTHING), (FUNCTION, &[1, 0]), (EXPORT, &exports), (CODE, &code)])
}

fn exports() -> Vec<u8> {
    with_exports((0..300_000).map(|at| format!("{at:x}")))
}

fn long_exports() -> Vec<u8> {
    with_exports((0..60).map(|at| format!("{at:02}{}", "x".repeat(99_988))))
}

fn with_imports(groups: usize, items: &[u8]) -> Vec<u8> {
    let (code, imports) = (bodies(&[body(&[0x10, 0])]), [&leb(groups), items].concat());
    module(&[(TYPE, NOTHING), (IMPORT, &imports), (FUNCTION, &[1, 0]), (CODE, &code)])
}

fn imports() -> Vec<u8> {
    let mut items = Vec::new();
    for at in 0..200_000 {
        "".encode(&mut items);
        format!("{at:x}").as_str().encode(&mut items);
        items.extend([0, 0]);
    }
    with_imports(200_000, &items)
}

/// One group: module name, mark, type, and names without a byte.
fn compact_group(module: &str, names: usize) -> Vec<u8> {
    let mut items = Vec::new();
    module.encode(&mut items);
    items.extend([0, 0x7e, 0, 0]);
    items.extend(vector(names, &[0]));
    items
}

fn compact_imports() -> Vec<u8> {
    with_imports(1, &compact_group("", 990_000))
}

fn compact_imports_of_a_long_name() -> Vec<u8> {
    with_imports(1, &compact_group(&"m".repeat(90_000), 900_000))
}

fn custom_sections() -> Vec<u8> {
    [small_functions(1), [0, 1, 0].repeat(1_000_000)].concat()
}

fn stale_sections() -> Vec<u8> {
    let section = [&[0, 9][..], &custom(".debug_x", &[])].concat();
    [small_functions(1), section.repeat(200_000)].concat()
}

fn manifest_like() -> Vec<u8> {
    let mut bytes = small_functions(1);
    bytes.push(0);
    custom("waspect", &[0x32].repeat(1 << 20)).as_slice().encode(&mut bytes);
    bytes
}

fn producers() -> Vec<u8> {
    let contents = [&b"\x01\x08language"[..], &vector(2_000_000, &[0, 0])].concat();
    let mut bytes = small_functions(1);
    bytes.push(0);
    custom("producers", &contents).as_slice().encode(&mut bytes);
    bytes
}

fn with_types(types: &[u8]) -> Vec<u8> {
    module(&[(TYPE, types), (FUNCTION, &[1, 0]), (CODE, &bodies(&[body(&[])]))])
}

fn types() -> Vec<u8> {
    with_types(&vector(990_000, &[0x60, 0, 0]))
}

fn different_types() -> Vec<u8> {
    let mut types = [leb(300_000), vec![0x60, 0, 0]].concat();
    for number in 1..300_000u32 {
        // Ten parameters: the number to the base of four.
        types.extend([0x60, 10]);
        types.extend((0..10).map(|digit| 0x7c + (number >> (2 * digit) & 3) as u8));
        types.push(0);
    }
    with_types(&types)
}

fn recursion_groups() -> Vec<u8> {
    with_types(&[leb(1_000_000), vec![0x60, 0, 0], [0x4e, 0].repeat(999_999)].concat())
}

fn globals() -> Vec<u8> {
    let globals = vector(1_000_000, &[0x7f, 0, 0x41, 0, END]);
    module(&[(TYPE, NOTHING), (FUNCTION, &[1, 0]), (GLOBAL, &globals), (CODE, &bodies(&[body(&[])]))])
}

fn results() -> Vec<u8> {
    let types = [&[1, 0x60, 0][..], &vector(1_000, &[0x7f])].concat();
    let code = vec![body(&[0x00, 0x0f]); 100_000];
    module(&[(TYPE, &types), (FUNCTION, &vector(code.len(), &[0])), (CODE, &bodies(&code))])
}
