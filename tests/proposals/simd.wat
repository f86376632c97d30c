;; Vectors as parameters, locals and results, behind a branch out of the body.
(module
  (memory (export "memory") 1)
  (func $sum (export "sum") (param v128) (result v128)
    (local v128)
    (local.set 1 (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (local.get 0) (local.get 0)))
    (block (br_if 1 (i32x4.add (local.get 0) (local.get 1)) (v128.any_true (local.get 0))) (drop))
    (v128.const i64x2 1 2))
  (func (export "store") (param v128) (result i32)
    (v128.store (i32.const 32) (call $sum (local.get 0)))
    (i32.load (i32.const 36))))
