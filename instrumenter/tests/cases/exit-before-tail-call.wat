;; RUN: calls
(module
  (type $step (func (param i32) (result i32)))
  (import "env" "last" (func $last (type $step)))
  (table 1 funcref)
  (func $direct (type $step) (return_call $dynamic (local.get 0)))
  (func $dynamic (type $step) (return_call_indirect (type $step) (local.get 0) (i32.const 0)))
  (func $host (type $step) (drop (call $last (i32.const 1))) (return_call $last (local.get 0))))
