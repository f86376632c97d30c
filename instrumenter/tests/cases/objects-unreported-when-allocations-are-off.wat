;; RUN: calls no-alloc
(module
  (type $pair (struct (field i32) (field i32)))
  (func $make (result (ref $pair)) (struct.new_default $pair)))
