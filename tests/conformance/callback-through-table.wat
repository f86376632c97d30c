;; A host call that calls a function from a table, which has no thunk.
(module
  (import "host" "table" (func $table))
  (table (export "table") 1 funcref)
  (elem (i32.const 0) $entry)
  (func $entry (call $leaf))
  (func $leaf)
  (func $ask (export "ask") (call $table) (call $leaf)))
