;; RUN: calls include=work
(module
  (memory 1)
  (func $malloc (param i32) (result i32) (local.get 0))
  (func $_RNvCs1234_7___rustc12___rust_alloc (param i32 i32) (result i32) (call $malloc (local.get 0)))
  (func $work
    (drop (call $_RNvCs1234_7___rustc12___rust_alloc (i32.const 8) (i32.const 8)))
    (drop (call $malloc (i32.const 8)))))
