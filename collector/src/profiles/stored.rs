//! A profile as the log holds it: a record of a kind of its own, beside requests. Pure.
//!
//! ```text
//! version 3 u8 | a message of protocol buffers
//! ```

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use prost::Message;

use super::PROFILE_BYTES_MAX;

/// What an [`Entry`](crate::entry::Entry) never begins with.
const VERSION: u8 = 3;

/// A profile that was acknowledged.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Stored {
    /// Whose it is.
    #[prost(string, tag = "1")]
    pub service: String,
    /// The build that it is of, in whatever form its sender wrote it; empty: not told.
    #[prost(string, tag = "2")]
    pub build: String,
    /// When what it shows began, in us since 1970.
    #[prost(uint64, tag = "3")]
    pub start_us: u64,
    /// When it ended.
    #[prost(uint64, tag = "4")]
    pub end_us: u64,
    /// When it came.
    #[prost(uint64, tag = "5")]
    pub received_unix_ms: u64,
    /// The batch that it is, if its sender may send it again.
    #[prost(fixed64, optional, tag = "6")]
    pub batch: Option<u64>,
    /// The profile, gzipped.
    #[prost(bytes = "bytes", tag = "7")]
    pub gzipped: Bytes,
}

impl Stored {
    /// A record's payload.
    pub fn payload(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(1 + self.encoded_len());
        out.put_u8(VERSION);
        self.encode(&mut out).expect("it grows");
        out.freeze()
    }

    /// Reads a record's payload. `None`: it holds something else.
    pub fn read(payload: &Bytes) -> Option<Stored> {
        let is = payload.first() == Some(&VERSION);
        is.then(|| Stored::decode(payload.slice(1..)).ok()).flatten()
    }

    /// The profile as it was checked.
    pub fn profile(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let reader = flate2::read::GzDecoder::new(&*self.gzipped);
        reader.take(PROFILE_BYTES_MAX as u64 + 1).read_to_end(&mut out)?;
        Ok(out)
    }
}

/// A profile as everybody hands it on.
pub fn gzip(profile: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(profile).and_then(|()| encoder.finish()).expect("a vector takes everything").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::Batch;
    use crate::entry::Entry;
    use crate::otlp::{Encoding, Signal};

    #[test]
    fn a_profile_comes_out_as_it_went_in_and_is_no_request() {
        let stored = Stored {
            service: "shop".into(),
            build: "00ff".into(),
            start_us: 7,
            end_us: u64::MAX,
            received_unix_ms: 9,
            batch: Some(0),
            gzipped: gzip(b"profile"),
        };
        let payload = stored.payload();
        assert_eq!(Stored::read(&payload), Some(stored.clone()));
        assert_eq!(stored.profile().unwrap(), b"profile");
        assert_eq!(Entry::decode(&payload), None);
        let entry = Entry {
            signal: Signal::Traces,
            encoding: Encoding::Protobuf,
            items: 1,
            received_unix_ms: 1,
            batch: Some(Batch(3)),
            body: Bytes::new(),
        };
        assert_eq!(Stored::read(&entry.encode()), None);
        assert_eq!(Stored::read(&Bytes::from_static(&[3, 0xff])), None);
        assert_eq!(Stored::read(&Bytes::new()), None);
    }
}
