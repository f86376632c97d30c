;; A tail call ends its caller before the callee begins: they are siblings.
(module
  (func $last)
  (func $next (return_call $last))
  (func $first (return_call $next))
  (func $run (export "run") (call $first)))
