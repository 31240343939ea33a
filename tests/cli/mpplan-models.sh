# shellcheck shell=bash disable=SC2154,SC2016
# The shipped models: made again by the commands that models/README.md gives.

case_every_shipped_model_is_made_again_by_its_documented_command() {
  local file command count=0
  while IFS='|' read -r _ file _ _ command _; do
    file=${file//[\` ]/}
    command=${command//\`/}
    read -ra words <<<"$command"
    [[ ${words[0]} == mpplan ]] || fail "models/README.md: $file: no command"
    run "$mpplan" "${words[@]:1}" -o "$file"
    expect_code 0
    expect_same "$file" "$source/models/$file"
    count=$((count + 1))
  done < <(grep '^| `.*\.json`' "$source/models/README.md")
  [[ $count == $(find "$source/models" -maxdepth 1 -name '*.json' | wc -l) ]] || fail "models/README.md lists $count files"
}
