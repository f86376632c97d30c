;; Pages of one byte: growth is in pages, and the manifest knows their size.
(module
  (memory (export "memory") 16 64 (pagesize 1))
  (func (export "grow") (param i32) (result i32)
    (i32.store8 (i32.const 15) (local.get 0))
    (return (memory.grow (i32.const 7)))))
