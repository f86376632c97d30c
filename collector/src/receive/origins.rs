//! Web pages by the origins that settings name.

/// Origins, in each of which one `*` may stand for anything.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// As configured.
    pub fn new<'a>(allowed: impl IntoIterator<Item = &'a String>) -> Origins {
        Origins(allowed.into_iter().cloned().collect())
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if any page is meant.
    pub fn are_all(&self) -> bool {
        self.0.iter().any(|allowed| allowed == "*")
    }

    /// True for an origin that is meant.
    pub fn include(&self, origin: &[u8]) -> bool {
        self.0.iter().any(|allowed| match allowed.split_once('*') {
            None => allowed.as_bytes() == origin,
            Some((start, end)) => {
                let rest = origin.strip_prefix(start.as_bytes()).and_then(|rest| rest.strip_suffix(end.as_bytes()));
                rest.is_some()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Origins;

    #[test]
    fn a_star_stands_for_a_port_or_a_name() {
        let cases = [
            ("https://shop.example", "https://shop.example", true),
            ("https://shop.example", "https://shop.example.evil.example", false),
            ("http://localhost:*", "http://localhost:5173", true),
            ("http://localhost:*", "http://localhost.evil.example:80", false),
            ("https://*.shop.example", "https://www.shop.example", true),
            ("https://*.shop.example", "https://shop.example", false),
            ("*", "null", true),
            ("a*a", "a", false),
        ];
        for (allowed, origin, is) in cases {
            assert_eq!(Origins::new([&allowed.to_owned()]).include(origin.as_bytes()), is, "{allowed} {origin}");
        }
    }
}
