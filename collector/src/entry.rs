//! A request as the log holds it: what it is, when it came, and its bytes. Pure.
//!
//! ```text
//! version u8 | signal u8 | encoding u8 | items u32 | received, in ms since 1970, u64 | version 2: batch u64 | the request
//! ```
//!
//! Version 1 is a request without a batch, version 2 one with it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::batches::Batch;
use crate::otlp::{Encoding, Signal, to_protobuf};

const ALONE: u8 = 1;
const OF_BATCH: u8 = 2;
const HEADER_BYTES: usize = 15;
const BATCH_BYTES: usize = 8;

/// A request that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it carries.
    pub signal: Signal,
    /// How it is written.
    pub encoding: Encoding,
    /// Spans, data points or log records in it.
    pub items: u32,
    /// When it came.
    pub received_unix_ms: u64,
    /// The batch that it is, if its sender may send it again.
    pub batch: Option<Batch>,
    /// The request itself, without what compressed it on its way.
    pub body: Bytes,
}

/// A signal as it is written.
const fn number(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
        Signal::Logs => 3,
    }
}

impl Entry {
    /// A record's payload.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER_BYTES + BATCH_BYTES + self.body.len());
        let version = if self.batch.is_some() { OF_BATCH } else { ALONE };
        out.put_slice(&[version, number(self.signal), self.encoding as u8]);
        out.put_u32_le(self.items);
        out.put_u64_le(self.received_unix_ms);
        if let Some(Batch(batch)) = self.batch {
            out.put_u64_le(batch);
        }
        out.put_slice(&self.body);
        out.freeze()
    }

    /// Reads a record's payload. `None`: a version that this one does not know.
    pub fn decode(payload: &Bytes) -> Option<Entry> {
        let header: &[u8; HEADER_BYTES] = payload.first_chunk()?;
        let [version, signal, encoding, a, b, c, d, received @ ..] = *header;
        let batch = match version {
            ALONE => None,
            OF_BATCH => Some(Batch(u64::from_le_bytes(*payload.get(HEADER_BYTES..)?.first_chunk()?))),
            _ => return None,
        };
        let header_bytes = HEADER_BYTES + batch.map_or(0, |_| BATCH_BYTES);
        Some(Entry {
            signal: Signal::ALL.into_iter().find(|known| number(*known) == signal)?,
            encoding: [Encoding::Protobuf, Encoding::Json].into_iter().find(|known| *known as u8 == encoding)?,
            items: u32::from_le_bytes([a, b, c, d]),
            received_unix_ms: u64::from_le_bytes(received),
            batch,
            body: payload.slice(header_bytes..),
        })
    }

    /// The request in protobuf, whatever it came in.
    pub fn protobuf(&self) -> Result<Bytes, String> {
        match self.encoding {
            Encoding::Protobuf => Ok(self.body.clone()),
            Encoding::Json => to_protobuf(self.signal, &self.body).map(Bytes::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_out_as_it_went_in() {
        let body = Bytes::from_static(b"anything");
        for (signal, batch) in Signal::ALL.into_iter().zip([None, Some(Batch(0)), Some(Batch(u64::MAX))]) {
            let entry = Entry {
                signal,
                encoding: Encoding::Json,
                items: 70_000,
                received_unix_ms: 1 << 40,
                batch,
                body: body.clone(),
            };
            assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }
        for unknown in [
            &b""[..],
            &[0; 14],
            &[2; 15],
            &[3; 30],
            &[2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            &[1, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(Entry::decode(&Bytes::copy_from_slice(unknown)), None);
        }
    }
}
