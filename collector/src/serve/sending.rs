//! Answers on their way: in pieces, so that one that nobody reads is known to be stuck, and no more of them at once than there is memory for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longest piece in bytes. A connection asks for the next when the last is nearly sent.
const PIECE_BYTES: usize = 64 << 10;

/// Memory for answers that are being sent, of all connections to one place.
const ANSWERS_BYTES: u32 = 256 << 20;

/// Room for answers.
#[derive(Clone)]
pub struct Answers {
    room: Arc<Semaphore>,
    bytes: u32,
}

/// One that is being sent.
struct Sending<P> {
    body: Body,
    /// What is left of the last frame.
    rest: Bytes,
    progress: P,
    _room: OwnedSemaphorePermit,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers::new(ANSWERS_BYTES)
    }
}

impl Answers {
    fn new(bytes: u32) -> Answers {
        Answers { room: Arc::new(Semaphore::new(bytes as usize)), bytes }
    }

    /// An answer that says whenever some of it is about to be sent. `None`: others that nobody reads take the room.
    pub fn send(&self, answer: Response, progress: impl Fn() + Send + Unpin + 'static) -> Option<Response> {
        // Whoever writes an answer as it is sent waits for those who read it.
        let bytes = answer.body().size_hint().exact().unwrap_or_default();
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes);
        let _room = self.room.clone().try_acquire_many_owned(bytes).ok()?;
        Some(answer.map(|body| Body::new(Sending { body, rest: Bytes::new(), progress, _room })))
    }
}

impl<P: Fn() + Unpin> http_body::Body for Sending<P> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        (self.progress)();
        let piece = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        match hint.exact() {
            Some(exact) => hint.set_exact(exact + rest),
            None => hint.set_lower(hint.lower() + rest),
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use http_body_util::BodyExt;

    use super::*;

    fn answer(bytes: usize) -> Response {
        Response::new(Body::from(vec![7; bytes]))
    }

    #[tokio::test]
    async fn an_answer_goes_whole_and_in_pieces() {
        let (answers, pieces) = (Answers::new(1 << 20), Arc::new(AtomicUsize::new(0)));
        let counted = pieces.clone();
        let sending = answers.send(answer(200_000), move || _ = counted.fetch_add(1, Relaxed)).unwrap();
        assert_eq!(sending.body().size_hint().exact(), Some(200_000));
        assert_eq!(sending.into_body().collect().await.unwrap().to_bytes(), vec![7; 200_000]);
        assert_eq!(pieces.load(Relaxed), 4);
    }

    #[test]
    fn what_nobody_reads_leaves_no_room_until_it_is_given_up() {
        let answers = Answers::new(1000);
        let unread = answers.send(answer(900), || ()).unwrap();
        assert!(answers.send(answer(101), || ()).is_none());
        assert!(answers.send(answer(100), || ()).is_some());
        drop(unread);
        let long = answers.send(answer(5000), || ()).expect("one that is longer than all the room has all of it");
        assert!(answers.send(answer(1), || ()).is_none());
        drop(long);
        assert!(answers.send(answer(1), || ()).is_some());
    }
}
