;; Imports that share a module's name, and a type: they keep their short form, and the hooks stand behind them.
(module
  (import "host" (item "first" (func $first (param i32) (result i32))) (item "limit" (global $limit i32)))
  (import "host" (item "a") (item "b") (func (param i32)))
  (func (export "call") (param i32) (result i32)
    (call 1 (local.get 0))
    (call 2 (global.get $limit))
    (return (call $first (local.get 0)))))
