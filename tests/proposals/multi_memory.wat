;; Each growth says which memory grew.
(module
  (memory (export "a") 1)
  (memory (export "b") 2)
  (func (export "grow") (result i32)
    (i32.store $b (i32.const 4) (memory.grow $b (i32.const 1)))
    (memory.copy $a $b (i32.const 0) (i32.const 4) (i32.const 4))
    (memory.grow $a (i32.const 1)))
  (memory $a 1)
  (memory $b 1))
