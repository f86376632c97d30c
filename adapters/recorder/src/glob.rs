//! Patterns of names in which `*` stands for anything.

/// Whether the pattern fits the whole name. Where they differ, the last `*` takes one byte more: no earlier one needs to, so
/// the work is bounded by the product of the lengths.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where the pattern goes on behind its last star, and how far that star reaches.
    let mut star = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, seen));
            }
            Some(byte) if *byte == name[seen] => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((behind, reach)) = &mut star else { return false };
                *reach += 1;
                (at, seen) = (*behind, *reach);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, fits) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("*", "", true),
            ("alloc::*", "alloc::vec::Vec", true),
            ("*::Vec", "alloc::vec::Vec", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("*ab*ab", "abXabYab", true),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} on {name}");
        }
    }
}
