;; Conversions that never trap.
(module
  (func (export "convert") (param f64) (result i32)
    (block (br_if 1 (i32.trunc_sat_f64_s (local.get 0)) (i32.const 1)) (drop))
    (i32.const 7)))
