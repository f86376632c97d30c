//! One decoding of the operators for two readers: the validator judges each, [`Sites`] sorts it.
//!
//! Why not validate first and sort then? Decoding is most of what either costs.

use wasmparser::{FrameKind, FrameStack, ModuleArity, Result, VisitOperator, VisitSimdOperator};

use crate::sites::{Site, Sites};

/// A validator's visitor for one operator, and where operators are sorted.
pub(super) struct Judged<'s, V> {
    pub validator: V,
    pub sites: &'s mut Sites,
}

macro_rules! judge {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        $(
            #[inline]
            #[allow(clippy::clone_on_copy)]
            fn $visit(&mut self $($(, $arg: $type)*)?) -> Result<Site> {
                let site = self.sites.$visit($($($arg.clone()),*)?);
                self.validator.$visit($($($arg),*)?).map(|()| site)
            }
        )*
    };
}

impl<'a, V: VisitSimdOperator<'a, Output = Result<()>>> VisitOperator<'a> for Judged<'_, V> {
    type Output = Result<Site>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Result<Site>>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(judge);
}

impl<'a, V: VisitSimdOperator<'a, Output = Result<()>>> VisitSimdOperator<'a> for Judged<'_, V> {
    wasmparser::for_each_visit_simd_operator!(judge);
}

/// The validator's stack of blocks is the decoder's as well. Not to be asked once the body has ended.
impl<V: ModuleArity> FrameStack for Judged<'_, V> {
    #[inline]
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.label_block(0).map(|(_, kind)| kind)
    }
}
