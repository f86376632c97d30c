;; A host call that calls an export: the export's span is the host call's child, and what follows is not.
(module
  (import "host" "back" (func $back))
  (func $back_here (export "back") (call $leaf))
  (func $leaf)
  (func $ask (export "ask") (call $back) (call $leaf)))
