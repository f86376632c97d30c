;; RUN: counts only-exports
(module
  (import "env" "log" (func $log))
  (func $inner (call $log))
  (func (export "outer") (call $inner)))
