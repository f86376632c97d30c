;; RUN: inspect %
(module
  (func (param i64) (result i64) (i64.extend8_s (local.get 0)))
  (func (export "run") (drop (call 0 (i64.const 1)))))
