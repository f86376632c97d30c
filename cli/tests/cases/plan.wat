;; RUN: plan %
;; RUN[json]: plan % --json
;; RUN[include]: plan % --include app::* --exclude *drop*
;; RUN[imports]: plan % --only imports
;; RUN[small]: plan % --min-body 100 --no-imports --no-alloc --top 2
;; RUN[counts]: plan % --mode counts
;; RUN[ring]: plan % --mode ring
;; RUN[glob]: plan % --include [
;; EXIT: 1
;; RUN[function]: plan % --function 99
;; EXIT: 1
(module
  (import "env" "now" (func $now (result i64)))
  (import "env" "unused" (func $unused))
  (func $app::read (drop (call $now)))
  (func $app::drop_all (call $app::read))
  (func $"app::grow<T>" (drop (memory.grow (i32.const 1))))
  (func $main (export "main") (call $app::drop_all) (call $"app::grow<T>"))
  (memory 1))
