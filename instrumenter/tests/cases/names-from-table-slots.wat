;; RUN: counts
(module
  (table 20 funcref)
  (table 5 funcref)
  (func)
  (func)
  (func (export "exported"))
  (func)
  (func)
  (elem (i32.const 12) func 1 2)
  (elem (table 1) (i32.const 3) funcref (ref.null func) (ref.func 3))
  (elem (i32.const 17) func 3 1))
