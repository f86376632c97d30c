;; Two modules on one stack: one calls functions that the other exports, one of which traps.
(module
  (import "lower" "work" (func $lower.work))
  (import "lower" "fall" (func $lower.fall))
  (func $run (export "run") (call $lower.work))
  (func $down (export "down") (call $lower.fall)))
