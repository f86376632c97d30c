;; RUN: calls
(module
  (tag $t)
  (func $f (param i32)
    (block $first (br_if $first (local.get 0)))
    (block $caught
      (try_table $try (catch $t $caught)
        (return)))
    (loop $last (br_if $last (local.get 0)))))
