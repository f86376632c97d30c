//! Types of what is added.
//!
//! walrus finds an equal type or makes one, and may find it in a recursion group: there it is another type than the one that
//! stands alone, and a host that looks at it will say so. It is asked for where a host looks; elsewhere any will do.

use ::walrus::{ModuleTypes, TypeId, ValType};

use super::Error;
use crate::error::Place;

/// A type that stands alone, for what crosses the module's boundary.
pub(super) fn plain(
    types: &mut ModuleTypes,
    params: &[ValType],
    results: &[ValType],
    what: &'static str,
) -> Result<TypeId, Error> {
    let id = types.add(params, results);
    let alone = types.rec_group_for_type(id).is_some_and(|group| group.types.len() == 1);
    if alone { Ok(id) } else { Err(Error::Type { place: Place::default(), what }) }
}
