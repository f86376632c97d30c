;; RUN: calls
(module
  (type $s (shared (func)))
  (func $shared (type $s))
  (func $plain))
