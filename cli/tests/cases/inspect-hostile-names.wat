;; RUN: inspect %
;; RUN[json]: inspect % --json
;; RUN[plan]: plan % --exclude *
(module $"mod\1b[2Jule"
  (import "a\1b]0;title\07" "b\e2\80\aec" (func $"\e2\81\a6import"))
  (func $"evil\1b[31m\nname\\" (export "caf\c3\a9 \7f") (call 0)))
