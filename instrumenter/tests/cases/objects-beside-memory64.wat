;; RUN: calls only-imports function=0
(module
  (type $words (array i32))
  (import "env" "seen" (func $seen (param (ref $words))))
  (memory i64 1)
  (func $make (param $length i32)
    (drop (memory.grow (i64.const 1)))
    (call $seen (array.new_default $words (local.get $length)))))
