;; A program that exits: no error with code 0, one with another.
(module
  (import "host" "exit0" (func $exit0))
  (import "host" "exit3" (func $exit3))
  (func $well (export "well") (call $exit0))
  (func $badly (export "badly") (call $exit3)))
