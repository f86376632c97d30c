//! Attributes of a point, encoded once: points are many, and what makes them differ is little.

use alloc::vec::Vec;

use super::wire;

/// Fields of a number point and of a histogram's point: the same attributes, under another number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) of_number: Vec<u8>,
    pub(crate) of_histogram: Vec<u8>,
}

impl Attributes {
    /// With a text more, unless it is empty.
    pub(crate) fn text(mut self, key: &str, value: &str) -> Attributes {
        if !value.is_empty() {
            wire::text_attribute(&mut self.of_number, 7, key, value);
            wire::text_attribute(&mut self.of_histogram, 1, key, value);
        }
        self
    }

    /// With one more that is true.
    pub(crate) fn truth(mut self, key: &str) -> Attributes {
        wire::true_attribute(&mut self.of_number, 7, key);
        wire::true_attribute(&mut self.of_histogram, 1, key);
        self
    }
}
