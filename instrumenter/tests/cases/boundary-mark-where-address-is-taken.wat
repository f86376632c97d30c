;; RUN: calls
(module
  (import "env" "host" (func $host))
  (export "host" (func $host))
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $listed)
  (func $listed (export "listed"))
  (func $referred (export "referred"))
  (func $main (drop (ref.func $referred))))
