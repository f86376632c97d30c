;; Two results from one instruction.
(module
  (func (export "add") (param i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 1) (local.get 0)))
  (func (export "multiply") (param i64 i64) (result i64 i64)
    (return (i64.mul_wide_u (local.get 0) (local.get 1)))))
