;; RUN: calls
(module
  (func $many (local i32 i32 i32 i64 i64 f32)))
