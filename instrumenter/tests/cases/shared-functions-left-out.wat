;; RUN: calls
(module
  (type $s (shared (func)))
  (type $p (func (param i32)))
  (func $shared (export "shared") (type $s))
  (func $plain (type $p)))
