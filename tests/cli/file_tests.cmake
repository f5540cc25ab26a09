# Tests of the commands about an engine's file; read by cli_tests.cmake.
set(_files ${CMAKE_CURRENT_BINARY_DIR}/files)
add_executable(tandem_engine_files ${_here}/engine_files.cpp)
target_include_directories(tandem_engine_files PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(tandem_engine_files PRIVATE tandem::sqlite tandem::json tandem_developer)
if(TANDEM_HAVE_ENCRYPTION)
  target_compile_definitions(tandem_engine_files PRIVATE TANDEM_CLI_ENCRYPTION=1)
endif()
add_test(NAME "cli: engine files are made" COMMAND tandem_engine_files ${_files})
set_tests_properties("cli: engine files are made" PROPERTIES FIXTURES_SETUP engine_files TIMEOUT 300)

# as tandem_cli_test(), after the files were made and, with AFTER, another test
function(tandem_file_test name)
  cmake_parse_arguments(T "" "AFTER" "" ${ARGN})
  tandem_cli_test("${name}" ${T_UNPARSED_ARGUMENTS})
  set_tests_properties("cli: ${name}" PROPERTIES FIXTURES_REQUIRED engine_files)
  if(T_AFTER)
    set_tests_properties("cli: ${name}" PROPERTIES DEPENDS "cli: ${T_AFTER}")
  endif()
endfunction()

foreach(_command stats verify export export-user import replay explain forget compact doctor)
  tandem_cli_test("${_command} --help gives an example" EXIT 0 OUT "Example.*tandem ${_command}" ARGS ${_command} --help)
  tandem_cli_test("${_command} without a file is wrong usage" EXIT 2 ONE_LINE ERR "see .tandem ${_command} --help" ARGS ${_command})
endforeach()
foreach(_command stats verify export doctor)
  tandem_cli_test("${_command} of a file that is not there fails" EXIT 1 ONE_LINE ERR "nowhere" ARGS ${_command} ${_files}/nowhere)
endforeach()
tandem_cli_test("stats of another file fails" EXIT 1 ONE_LINE ERR "is not a tandem file" ARGS stats ${_logs}/log.csv)

# ---- looking
tandem_file_test("stats counts what is there" EXIT 0
                 OUT "format [0-9]+.*entries .*events .*of them rewards.*answers .*models .*users, items .*first event .*2023-11-14.*snapshots"
                 ARGS stats ${_files}/shop)
tandem_file_test("stats as JSON" EXIT 0 OUT "^{.*\"events\": [1-9].*\"answers\": [1-9].*\"snapshots\".*\"kind\": \"state\".*}\n$"
                 ERR "bytes an event" ARGS stats ${_files}/shop --json -)
tandem_file_test("verify of a sound file" EXIT 0 OUT "sound: everything matches" ARGS verify ${_files}/shop)
tandem_file_test("verify of a damaged file lists what is wrong and ends with 1" EXIT 1 OUT "item.*does not match its checksum.*not sound"
                 ARGS verify ${_files}/damaged)
tandem_file_test("verify as JSON" EXIT 1 OUT "\"sound\": false.*\"problems\"" ERR "not sound" ARGS verify ${_files}/damaged --json -)
tandem_file_test("a damaged file is not read" EXIT 1 ONE_LINE ERR "does not match its checksum.*tandem verify" ARGS export ${_files}/damaged)
tandem_file_test("doctor finds nothing wrong with a shop but its robots" EXIT 1 OUT "one-item.*ada: 20 events, all with thesisofada"
                 ARGS doctor ${_files}/shop)
tandem_cli_test("doctor of a log without defects ends with 0" EXIT 0 OUT "600 events\nnothing found" ARGS doctor ${_logs}/log.csv)
tandem_cli_test("doctor of a log as JSON" EXIT 0 OUT "\"findings\": \\[\\]" ERR "nothing found" ARGS doctor ${_logs}/log.jsonl --json -)

# ---- explaining
tandem_file_test("explain tells the sources of each item and the events before" EXIT 0
                 OUT "decision 121 for .*1\\. item.*score .*propensity .*served by.*popularity +score .*latest events before it:\n  2023"
                 ARGS explain ${_files}/shop 121 --options ${_files}/options.json)
tandem_file_test("explain with the host's options scores as the log has it" EXIT 0 OUT "\"sources\": .*\"rank\".*\"scored_otherwise\": false"
                 ERR "decision 120" ARGS explain ${_files}/shop 120 --options ${_files}/options.json --json -)
tandem_file_test("explain with other options says so" EXIT 0 OUT "scores now are not those of the log: give the host's options"
                 ARGS explain ${_files}/shop 120 --options ${_files}/other.json)
tandem_file_test("explain of an answer that is not there fails" EXIT 1 ONE_LINE ERR "has no decision 99999"
                 ARGS explain ${_files}/shop 99999)
tandem_file_test("export-user is JSON" EXIT 0 OUT "^{\n  \"user\": \"ada\".*\"item\": \"thesisofada\"" ARGS export-user ${_files}/shop ada)
tandem_file_test("export-user of a stranger fails" EXIT 1 ONE_LINE ERR "nothing is known of a user 'nobody'"
                 ARGS export-user ${_files}/shop nobody)

# ---- learning again
tandem_file_test("replay under the same options decides alike" EXIT 0 OUT "same places +100.0 %.*first place +100.0 %"
                 ARGS replay ${_files}/shop --into ${_files}/same --options ${_files}/options.json)
tandem_file_test("replay under other options does not" EXIT 0 OUT "\"same_slate\": 0\\.[0-9]+" ERR "decided again"
                 ARGS replay ${_files}/shop --into ${_files}/other --options ${_files}/other.json --json -)
tandem_file_test("replay does not write over a file" EXIT 1 ONE_LINE ERR "exists, and a log is learned again into a file of its own"
                 ARGS replay ${_files}/shop --into ${_files}/forget)
tandem_file_test("options are read strictly" EXIT 1 ONE_LINE ERR "log.csv:1" ARGS replay ${_files}/shop
                 --into ${_files}/strict --options ${_logs}/log.csv)
tandem_file_test("evaluate judges on an engine's own log" EXIT 0 OUT "split protocol.*are held out, by time.*ndcg@10"
                 ARGS evaluate --file ${_files}/shop --rank 4)
tandem_file_test("fit learns from an engine's file" EXIT 0 OUT "ials on .*users" ARGS fit --events ${_files}/shop --rank 4 --out ${_files}/model)
tandem_file_test("--names for an engine's file is wrong usage" EXIT 2 ONE_LINE ERR "--names: has no meaning for an engine's file"
                 ARGS fit --events ${_files}/shop --names user=x --out ${_files}/model)
tandem_cli_test("evaluate --file of a log is wrong usage" EXIT 2 ONE_LINE ERR "is no engine's file" ARGS evaluate --file ${_logs}/log.csv)
tandem_file_test("evaluate --file beside --train is wrong usage" EXIT 2 ONE_LINE ERR "--train: has no meaning with --file"
                 ARGS evaluate --file ${_files}/shop --train ${_logs}/log.csv)

# ---- import and export
tandem_file_test("export writes a line for each entry" EXIT 0 OUT "entries of .*shop in" FILE ${_files}/shop.jsonl
                 HOLDS "^{\"entry\":1,\"kind\":.*\"kind\":\"answer\"" ARGS export ${_files}/shop --out ${_files}/shop.jsonl)
tandem_file_test("an export can be imported" AFTER "export writes a line for each entry" EXIT 0 OUT "entries taken into"
                 ARGS import ${_files}/imported --from ${_files}/shop.jsonl --options ${_files}/options.json)
tandem_file_test("the import of an export exports the same" AFTER "an export can be imported" EXIT 0 OUT "entries of"
                 FILE ${_files}/again.jsonl HOLDS "." ARGS export ${_files}/imported --out ${_files}/again.jsonl)
add_test(NAME "cli: both exports are alike" COMMAND ${CMAKE_COMMAND} -E compare_files ${_files}/shop.jsonl ${_files}/again.jsonl)
set_tests_properties("cli: both exports are alike" PROPERTIES FIXTURES_REQUIRED engine_files
                     DEPENDS "cli: the import of an export exports the same")
tandem_file_test("an export is not imported into a file that is there" AFTER "export writes a line for each entry" EXIT 1 ONE_LINE
                 ERR "exists, and an export is the whole of a file" ARGS import ${_files}/shop --from ${_files}/shop.jsonl)
tandem_file_test("import takes a log" EXIT 0 OUT "log.csv: 600 events taken" ARGS import ${_files}/taken --from ${_logs}/log.csv --span 100)
tandem_file_test("imported again, nothing is taken twice" AFTER "import takes a log" EXIT 0 OUT "log.csv: 0 events taken.*600 were there"
                 ARGS import ${_files}/taken --from ${_logs}/log.csv)
tandem_file_test("import takes several logs, with values" EXIT 0 OUT "rich.csv: 600 events.*log.jsonl: 600 events"
                 ARGS import ${_files}/several --from ${_logs}/rich.csv ${_logs}/log.jsonl --value-as-weight)
tandem_file_test("import of a bad line fails with its place" EXIT 1 ONE_LINE ERR "bad.csv:2" ARGS import ${_files}/bad --from ${_logs}/bad.csv)
tandem_file_test("--names for an export is wrong usage" AFTER "export writes a line for each entry" EXIT 2 ONE_LINE ERR "no meaning for an export"
                 ARGS import ${_files}/new --from ${_files}/shop.jsonl --names user=x)

# ---- forgetting
tandem_file_test("forget writes a receipt" EXIT 0 OUT "erased: ada" FILE ${_files}/receipt.txt HOLDS "erased: ada.*of them events: 20.*checksum: "
                 ARGS forget ${_files}/forget ada --receipt ${_files}/receipt.txt --options ${_files}/options.json)
tandem_file_test("what was forgotten is not there" AFTER "forget writes a receipt" EXIT 1 ONE_LINE ERR "nothing is known of a user 'ada'"
                 ARGS export-user ${_files}/forget ada)
tandem_file_test("a file in which somebody was forgotten is sound" AFTER "forget writes a receipt" EXIT 0 OUT "sound" ARGS verify ${_files}/forget)
tandem_file_test("forget of a stranger fails" EXIT 1 ONE_LINE ERR "there is no user 'nobody'"
                 ARGS forget ${_files}/shop nobody --options ${_files}/options.json)
tandem_file_test("forget of a stranger leaves the snapshots" AFTER "forget of a stranger fails" EXIT 0 OUT "\"kind\": \"state\""
                 ERR "snapshots +[1-9]" ARGS stats ${_files}/shop --json -)
tandem_file_test("compact with other options than the host's is refused" EXIT 1 ONE_LINE ERR "give the options of its host by --options"
                 ARGS compact ${_files}/compact --keep-events 100)
tandem_file_test("compact forgets what is old" AFTER "compact with other options than the host's is refused" EXIT 0
                 OUT "entries forgotten, .*bytes before" ARGS compact ${_files}/compact --keep-events 100 --options ${_files}/options.json)
tandem_file_test("a compacted file tells so" AFTER "compact forgets what is old" EXIT 0 OUT "\"events\": 100,.*\"compacted_to\": [1-9]"
                 ERR "by compacting" ARGS stats ${_files}/compact --json -)
tandem_file_test("nobody is forgotten in a compacted file" AFTER "compact forgets what is old" EXIT 1 ONE_LINE ERR "was compacted"
                 ARGS forget ${_files}/compact ada --options ${_files}/options.json)
tandem_file_test("compact without saying what to keep is wrong usage" EXIT 2 ONE_LINE ERR "--keep-events or --keep-days" ARGS compact ${_files}/shop)
tandem_cli_test("compact does not make a file" EXIT 1 ONE_LINE ERR "there is no such file" ARGS compact ${_files}/nowhere --keep-events 1)

# ---- encrypted files
tandem_file_test("--key-file for a log is wrong usage" EXIT 2 ONE_LINE ERR "--key-file: is for an engine's file"
                 ARGS doctor ${_logs}/log.csv --key-file ${_logs}/log.csv)
if(NOT TANDEM_HAVE_ENCRYPTION)
  tandem_file_test("a key, where there is no encryption, is refused" EXIT 1 ONE_LINE ERR "built without encryption"
                   ARGS stats ${_files}/shop --key-file ${_files}/options.json)
  return()
endif()
set(_key --key-file ${_files}/key)
tandem_file_test("an encrypted file without its key is not read" EXIT 1 ONE_LINE ERR "sealed.*is encrypted; give the master key"
                 ARGS stats ${_files}/sealed)
tandem_file_test("a key for a file that is not encrypted is refused" EXIT 1 ONE_LINE ERR "shop.*is not encrypted"
                 ARGS stats ${_files}/shop ${_key})
tandem_file_test("a file without a key is refused" EXIT 1 ONE_LINE ERR "options.json.*(digit|more than a key)"
                 ARGS stats ${_files}/sealed --key-file ${_files}/options.json)
tandem_file_test("a file with two keys is refused" EXIT 1 ONE_LINE ERR "two-keys.*more than a key"
                 ARGS stats ${_files}/sealed --key-file ${_files}/two-keys)
tandem_file_test("a key that is not there is an error" EXIT 1 ONE_LINE ERR "nowhere.*cannot be read"
                 ARGS stats ${_files}/sealed --key-file ${_files}/nowhere)
set(_last "an encrypted file without its key is not read")
# Runs one after another: a key ring is open in one process at a time.
function(tandem_sealed_test name)
  tandem_file_test("${name}" AFTER "${_last}" ${ARGN})
  set(_last "${name}" PARENT_SCOPE)
endfunction()
tandem_sealed_test("an encrypted file with a wrong key is not read" EXIT 1 ONE_LINE ERR "does not fit this key ring"
                 ARGS stats ${_files}/sealed --key-file ${_files}/wrong-key)
tandem_sealed_test("verify of an encrypted file needs no key" EXIT 0 OUT "sound" ARGS verify ${_files}/sealed)
tandem_sealed_test("verify with the key" EXIT 0 OUT "sound" ARGS verify ${_files}/sealed ${_key})
tandem_sealed_test("doctor with the key" EXIT 1 OUT "one-item.*ada: 20 events" ARGS doctor ${_files}/sealed ${_key})
tandem_sealed_test("explain with the key" EXIT 0 OUT "\"scored_otherwise\": false" ERR "decision 120"
                   ARGS explain ${_files}/sealed 120 --options ${_files}/options.json ${_key} --json -)
tandem_sealed_test("evaluate with the key" EXIT 0 OUT "ndcg@10" ARGS evaluate --file ${_files}/sealed --rank 4 ${_key})
tandem_sealed_test("an encrypted file is exported like another" EXIT 0 OUT "entries of" FILE ${_files}/sealed.jsonl HOLDS "."
                   ARGS export ${_files}/sealed --out ${_files}/sealed.jsonl ${_key})
add_test(NAME "cli: the exports of a plain and an encrypted file are alike"
         COMMAND ${CMAKE_COMMAND} -E compare_files ${_files}/shop.jsonl ${_files}/sealed.jsonl)
set_tests_properties("cli: the exports of a plain and an encrypted file are alike" PROPERTIES FIXTURES_REQUIRED engine_files
                     DEPENDS "cli: an encrypted file is exported like another;cli: export writes a line for each entry")
tandem_sealed_test("replay of an encrypted file makes an encrypted one" EXIT 0 OUT "same places +100.0 %" FILE ${_files}/resealed-keys HOLDS "SQLite"
                   ARGS replay ${_files}/sealed --into ${_files}/resealed --options ${_files}/options.json ${_key})
tandem_sealed_test("what replay made opens with the key" EXIT 0 OUT "events" ARGS stats ${_files}/resealed ${_key})
tandem_sealed_test("import into an encrypted file" EXIT 0 OUT "600 events taken" ARGS import ${_files}/sealed-log --from ${_logs}/log.csv ${_key})
tandem_sealed_test("forget in an encrypted file" EXIT 0 OUT "erased: ada" ARGS forget ${_files}/sealed ada --options ${_files}/options.json ${_key})
tandem_sealed_test("compact of an encrypted file" EXIT 0 OUT "entries forgotten"
                   ARGS compact ${_files}/sealed --keep-events 100 --options ${_files}/options.json ${_key})
