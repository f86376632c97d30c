;; RUN: calls
(module
  (import "env" "log" (func $log (param i32)))
  (import "env" "never" (func $never))
  (import "wasm:js-string" "length" (func $length (param externref) (result i32)))
  (table funcref (elem $log))
  (func $a (call $log (i32.const 1)))
  (func $b (param externref) (call $log (call $length (local.get 0)))))
