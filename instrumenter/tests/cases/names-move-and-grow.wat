;; RUN: calls
(module $named
  (import "env" "f" (func $f))
  (global $counter i32 (i32.const 0))
  (func $main (export "main") (param $x i32) (local $y i32)
    (block $out (br $out))
    (call $f)))
