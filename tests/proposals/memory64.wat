;; Memories and tables indexed by i64: growth is reported as wide as it is.
(module
  (memory (export "memory") i64 1 4)
  (table $table (export "table") i64 2 funcref)
  (elem (table $table) (i64.const 0) func $seven)
  (func $seven (result i32) (i32.const 7))
  (func (export "grow") (result i64)
    (i64.store (i64.const 8) (memory.grow (i64.const 1)))
    (i64.add (memory.size) (i64.load (i64.const 8))))
  (func (export "call") (result i32) (call_indirect $table (result i32) (i64.const 0))))
