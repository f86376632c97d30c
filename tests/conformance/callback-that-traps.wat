;; A trap in a call back, which goes through the host call into the caller: both calls from the host end so, and the next one is a root.
(module
  (import "host" "back" (func $back))
  (func $fall (export "back") unreachable)
  (func $ask (export "ask") (call $back))
  (func $work (export "work")))
