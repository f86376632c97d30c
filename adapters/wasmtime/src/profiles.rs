//! The call tree, taken out piece by piece: what each pprof that is pushed shows.

use std::sync::{Arc, Weak};

use waspect_export::Piece;
use waspect_recorder::Profile;

use crate::clock;
use crate::shared::Shared;

/// Gives what was done since it was asked last; `None`: nothing, or the observer is gone.
pub(crate) fn pieces(shared: &Arc<Shared>) -> impl FnMut() -> Option<Piece> + Send + 'static {
    let shared: Weak<Shared> = Arc::downgrade(shared);
    let (mut last, mut start_us) = (Profile::default(), clock::wall_unix_ns() / 1000);
    move || {
        // The lock must not outlive this statement.
        let now = shared.upgrade()?.merged().profile();
        let piece = now.since(&last);
        if piece.is_empty() {
            return None;
        }
        let end_us = clock::wall_unix_ns() / 1000;
        let start_us = std::mem::replace(&mut start_us, end_us).min(end_us);
        last = now;
        let build = piece.build().map(|build| build.hex()).unwrap_or_default();
        Some(Piece { pprof: piece.pprof(), build, start_us, end_us })
    }
}
