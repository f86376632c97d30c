;; What an adapter in JavaScript meets: calls, recursion, an import that calls back, growth, a trap, a stack without end, and a
;; function that is both an export and an entry of a table.
(module $guest
  (import "host" "visit" (func $visit (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $leaf $fib)
  (func $leaf (export "leaf") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1)))
  (func $fib (export "fib") (param i32) (result i32)
    (if (i32.lt_s (local.get 0) (i32.const 2))
      (then (return (local.get 0))))
    (i32.add
      (call $fib (i32.sub (local.get 0) (i32.const 1)))
      (call $fib (i32.sub (local.get 0) (i32.const 2)))))
  (func $grow (export "grow") (param i32) (result i32)
    (memory.grow (local.get 0)))
  (func $visitor (export "visitor") (param i32) (result i32)
    (call $visit (call $leaf (local.get 0))))
  (func $trap (export "trap") (param i32) (result i32)
    (if (i32.eqz (local.get 0))
      (then unreachable))
    (call $trap (i32.sub (local.get 0) (i32.const 1))))
  ;; What is loaded before a call must be kept across it: frames wider than those of the hooks, so that the stack may end anywhere
  ;; within them.
  (func $down (export "down") (param i32) (result i32)
    (i32.load offset=0 (i32.const 0)) (i32.load offset=4 (i32.const 0)) (i32.load offset=8 (i32.const 0))
    (i32.load offset=12 (i32.const 0)) (i32.load offset=16 (i32.const 0)) (i32.load offset=20 (i32.const 0))
    (i32.load offset=24 (i32.const 0)) (i32.load offset=28 (i32.const 0)) (i32.load offset=32 (i32.const 0))
    (i32.load offset=36 (i32.const 0)) (i32.load offset=40 (i32.const 0)) (i32.load offset=44 (i32.const 0))
    (i32.load offset=48 (i32.const 0)) (i32.load offset=52 (i32.const 0)) (i32.load offset=56 (i32.const 0))
    (i32.load offset=60 (i32.const 0)) (i32.load offset=64 (i32.const 0)) (i32.load offset=68 (i32.const 0))
    (i32.load offset=72 (i32.const 0)) (i32.load offset=76 (i32.const 0)) (i32.load offset=80 (i32.const 0))
    (i32.load offset=84 (i32.const 0)) (i32.load offset=88 (i32.const 0)) (i32.load offset=92 (i32.const 0))
    (i32.load offset=96 (i32.const 0)) (i32.load offset=100 (i32.const 0)) (i32.load offset=104 (i32.const 0))
    (i32.load offset=108 (i32.const 0)) (i32.load offset=112 (i32.const 0)) (i32.load offset=116 (i32.const 0))
    (i32.load offset=120 (i32.const 0)) (i32.load offset=124 (i32.const 0))
    (call $leaf (local.get 0))
    (drop (memory.grow (i32.const 0)))
    (call $down (i32.add (local.get 0) (i32.const 1)))
    i32.add
    i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add
    i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add
    i32.add i32.add i32.add i32.add i32.add i32.add i32.add i32.add))
