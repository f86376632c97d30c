//! Bodies, as long as they are allowed to be: of one request, and of all requests together.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that are taken of the room at once while a body is decompressed.
const PIECE_BYTES: usize = 64 << 10;

/// What is read of a request that is too long, so that its client sees the answer.
const LINGER_BYTES_MAX: usize = 64 << 20;

/// Bytes of requests in memory, of all connections together.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Unreadable> {
        let bytes = u32::try_from(bytes).map_err(|_| Unreadable::TooLong)?;
        self.0.clone().try_acquire_many_owned(bytes).map_err(|_| Unreadable::NoRoom)
    }
}

/// Why a body cannot be had.
#[derive(Debug)]
pub enum Unreadable {
    /// It is longer than allowed.
    TooLong,
    /// All bodies together are.
    NoRoom,
    /// It does not decompress.
    Corrupt(String),
    /// The client went away.
    Gone,
}

/// A body, and its part of the room for as long as this lives.
pub struct Whole {
    pub bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// What a body is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Reads a body to its end, or to where it is too long.
pub async fn read(
    mut body: Body,
    compression: Compression,
    bytes_max: usize,
    room: &Room,
) -> Result<Whole, Unreadable> {
    let mut held = room.take(0)?;
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unreadable::Gone)?.into_data() else { continue };
        if received.len() + data.len() > bytes_max {
            linger(body).await;
            return Err(Unreadable::TooLong);
        }
        held.merge(room.take(data.len())?);
        received.extend_from_slice(&data);
    }
    if compression == Compression::None {
        return Ok(Whole { bytes: received.into(), _room: held });
    }
    let room = room.clone();
    let decompressed = tokio::task::spawn_blocking(move || decompress(compression, &received, bytes_max, &room));
    decompressed.await.map_err(|_| Unreadable::Gone)?
}

/// Reads on though nobody wants it: a client that still writes when its connection is closed never sees why.
pub async fn linger(mut body: Body) {
    let mut left = LINGER_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Decompresses piece by piece: a bomb costs its limit and no more.
fn decompress(compression: Compression, compressed: &[u8], bytes_max: usize, room: &Room) -> Result<Whole, Unreadable> {
    let corrupt = |error: io::Error| Unreadable::Corrupt(error.to_string());
    let mut reader: Box<dyn Read> = match compression {
        Compression::None => Box::new(compressed),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(compressed)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(compressed).map_err(corrupt)?;
            // Its window is memory, too; 8 MiB is what every decoder must support.
            decoder.window_log_max(23).map_err(corrupt)?;
            Box::new(decoder)
        }
    };
    let mut held = room.take(0)?;
    let mut out = Vec::new();
    loop {
        let start = out.len();
        held.merge(room.take(PIECE_BYTES)?);
        let read = (&mut reader).take(PIECE_BYTES as u64).read_to_end(&mut out).map_err(corrupt)?;
        if out.len() > bytes_max {
            return Err(Unreadable::TooLong);
        }
        if read < PIECE_BYTES {
            debug_assert_eq!(out.len(), start + read);
            return Ok(Whole { bytes: out.into(), _room: held });
        }
    }
}

/// A body whose bytes are taken of the room while it is read.
pub struct Metered {
    body: Body,
    room: Room,
    held: Option<OwnedSemaphorePermit>,
    /// What its reader is told when there is no room.
    no_room: fn() -> axum::BoxError,
}

impl Metered {
    pub fn new(body: Body, room: Room, no_room: fn() -> axum::BoxError) -> Metered {
        Metered { body, room, held: None, no_room }
    }
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))) };
        if let Some(data) = frame.data_ref() {
            match self.room.take(data.len()) {
                Ok(permit) => match &mut self.held {
                    Some(held) => held.merge(permit),
                    None => self.held = Some(permit),
                },
                Err(_) => return Poll::Ready(Some(Err((self.no_room)()))),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn length(
        body: Vec<u8>,
        compression: Compression,
        bytes_max: usize,
        room: &Room,
    ) -> Result<usize, Unreadable> {
        read(Body::from(body), compression, bytes_max, room).await.map(|whole| whole.bytes.len())
    }

    #[tokio::test]
    async fn bodies_end_where_they_are_too_long() {
        let room = Room::new(1 << 20);
        let plain = vec![7; 200_000];
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for (body, compression) in
            [(plain.clone(), Compression::None), (gzip(&plain), Compression::Gzip), (zstd, Compression::Zstd)]
        {
            assert_eq!(length(body.clone(), compression, plain.len(), &room).await.unwrap(), plain.len());
            let outcome = length(body, compression, plain.len() - 1, &room).await;
            assert!(matches!(outcome, Err(Unreadable::TooLong)), "{compression:?} {outcome:?}");
        }
        let outcome = length(vec![1, 2, 3], Compression::Gzip, 100, &room).await;
        assert!(matches!(outcome, Err(Unreadable::Corrupt(_))), "{outcome:?}");
        assert_eq!(room.0.available_permits(), 1 << 20, "all of the room is given back");
    }

    #[tokio::test]
    async fn a_bomb_costs_no_more_than_its_limit() {
        let zeros = vec![0; 64 << 20];
        let bombs = [(gzip(&zeros), Compression::Gzip), (zstd::encode_all(&zeros[..], 1).unwrap(), Compression::Zstd)];
        drop(zeros);
        for (bomb, compression) in bombs {
            let outcome = length(bomb.clone(), compression, 4 << 20, &Room::new(8 << 20)).await;
            assert!(matches!(outcome, Err(Unreadable::TooLong)), "{compression:?} {outcome:?}");
            let outcome = length(bomb, compression, 64 << 20, &Room::new(8 << 20)).await;
            assert!(matches!(outcome, Err(Unreadable::NoRoom)), "{compression:?} {outcome:?}");
        }
    }
}
