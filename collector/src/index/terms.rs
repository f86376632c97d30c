//! What a search can ask for, as numbers of 64 bits.
//!
//! The texts are strangers', so the hash has a key that only this index knows: nobody can make two terms meet on purpose. Two
//! that meet by chance cost a look into the log, never a wrong answer. Texts of any length are terms of eight bytes.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// What can be asked for.
#[derive(Clone, Copy, Debug)]
pub enum Term<'t> {
    /// A service has spans there.
    Service(&'t [u8]),
    /// It has spans of that name.
    Operation(&'t [u8], &'t [u8]),
    /// An attribute of a resource, a scope, a span or an event has that value, written as text.
    Tag(&'t [u8], &'t [u8]),
    /// An attribute has a value that is not written down here: it may be any.
    AnyTag(&'t [u8]),
    /// A span failed.
    Failed,
    /// A span says that it did not.
    Succeeded,
}

/// The hash of one index.
#[derive(Clone, Copy, Default)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// A term's number.
    pub fn hash(&self, term: Term<'_>) -> u64 {
        let (kind, parts): (u8, [&[u8]; 2]) = match term {
            Term::Service(service) => (0, [service, b""]),
            Term::Operation(service, name) => (1, [service, name]),
            Term::Tag(key, value) => (2, [key, value]),
            Term::AnyTag(key) => (3, [key, b""]),
            Term::Failed => (4, [b"", b""]),
            Term::Succeeded => (5, [b"", b""]),
        };
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(kind);
        // The length keeps `a` + `bc` apart from `ab` + `c`.
        hasher.write_u64(parts[0].len() as u64);
        hasher.write(parts[0]);
        hasher.write(parts[1]);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_told_apart() {
        let terms = [
            Term::Service(b"ab"),
            Term::Operation(b"a", b"bc"),
            Term::Operation(b"ab", b"c"),
            Term::Tag(b"a", b"bc"),
            Term::Tag(b"ab", b""),
            Term::AnyTag(b"ab"),
            Term::Failed,
            Term::Succeeded,
        ];
        let hashes: std::collections::BTreeSet<_> = terms.iter().map(|term| Key([1; 16]).hash(*term)).collect();
        assert_eq!(hashes.len(), terms.len());
        assert_ne!(Key([1; 16]).hash(terms[0]), Key([2; 16]).hash(terms[0]), "each index hashes in its own way");
    }
}
