//! A small but honest program: reads standard input, allocates, recurses, prints, leaks on purpose, and exits with the
//! code that it is asked for.
//!
//! `rust-work [SIZE [EXIT_CODE]]`

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("arguments are numbers"));
    let size = arguments.next().unwrap_or(6);
    let exit_code = arguments.next().unwrap_or(0);

    let mut input = String::new();
    io::stdin().read_to_string(&mut input).expect("standard input is UTF-8");
    let words = count_words(&input);
    let mut output = io::stdout().lock();
    for (word, count) in &words {
        writeln!(output, "{count} {word}").expect("standard output takes a line");
    }
    writeln!(output, "queens({size}) = {}", queens(size, &mut Vec::new())).expect("standard output takes a line");
    writeln!(output, "tree({size}) = {}", Tree::grow(size as u32).sum()).expect("standard output takes a line");
    writeln!(output, "leaked {} bytes", leak(size * 100)).expect("standard output takes a line");
    ExitCode::from(exit_code as u8)
}

#[inline(never)]
fn count_words(text: &str) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    words
}

/// Ways to place `size` queens on a board of that size: recursion with a stack that grows and shrinks.
#[inline(never)]
fn queens(size: usize, placed: &mut Vec<usize>) -> usize {
    let row = placed.len();
    if row == size {
        return 1;
    }
    let mut ways = 0;
    for column in 0..size {
        if is_safe(placed, row, column) {
            placed.push(column);
            ways += queens(size, placed);
            placed.pop();
        }
    }
    ways
}

#[inline(never)]
fn is_safe(placed: &[usize], row: usize, column: usize) -> bool {
    placed.iter().enumerate().all(|(r, &c)| c != column && c.abs_diff(column) != row - r)
}

/// A binary tree: many small allocations, freed in one deep recursion.
struct Tree {
    value: u64,
    children: Option<Box<[Tree; 2]>>,
}

impl Tree {
    #[inline(never)]
    fn grow(depth: u32) -> Tree {
        let children = (depth > 0).then(|| Box::new([Tree::grow(depth - 1), Tree::grow(depth - 1)]));
        Tree { value: u64::from(depth), children }
    }

    #[inline(never)]
    fn sum(&self) -> u64 {
        self.value + self.children.as_ref().map_or(0, |children| children.iter().map(Tree::sum).sum())
    }
}

/// Memory that nobody frees: an observer must say so.
#[inline(never)]
fn leak(bytes: usize) -> usize {
    Box::leak(vec![1_u8; bytes].into_boxed_slice()).iter().map(|&byte| usize::from(byte)).sum()
}
