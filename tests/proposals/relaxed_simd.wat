;; Instructions whose results engines may choose; the tests fix the choice.
(module
  (func (export "multiply") (param v128 v128) (result v128)
    (return (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 0)))))
