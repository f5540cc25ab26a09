# Tests of the tandem command as a user types it; read by src/cli/CMakeLists.txt.
set(_here ${CMAKE_CURRENT_LIST_DIR})
set(_logs ${CMAKE_CURRENT_BINARY_DIR}/logs)

# 80 users and 60 items in turn, 600 lines: enough to judge, quick to replay
function(write_log file header separator)
  set(_text "${header}")
  foreach(_k RANGE 599)
    math(EXPR _user "${_k} % 80")
    math(EXPR _item "(${_k} * 7 + ${_k} / 80) % 60")
    math(EXPR _time "1000000000 + 60 * ${_k}")
    string(APPEND _text "u${_user}${separator}i${_item}${separator}${_time}\n")
  endforeach()
  file(WRITE ${_logs}/${file} "${_text}")
endfunction()
write_log(log.csv "user,item,time\n" ",")
write_log(renamed.csv "customer,sku,at\n" ",")
write_log(bare.tsv "" "\t")
write_log(bad.csv "user,item,time\nu1,i1,yesterday\nu2\n" ",")
write_log(headless.csv "user,time,other\n" ",")
file(WRITE ${_logs}/short.csv "user,item,time\nu1,i1,1000\nu1,i1,2000\nu1,i1,3000\nu1,i1,4000\n")
# tandem_cli_test(<name> EXIT <code> [OUT <regex>] [ERR <regex>] [ONE_LINE] [FILE <path> HOLDS <regex>] ARGS <arg>...)
function(tandem_cli_test name)
  cmake_parse_arguments(T "ONE_LINE" "EXIT;OUT;ERR;FILE;HOLDS" "ARGS" ${ARGN})
  string(JOIN "|" _args ${T_ARGS}) # a list in a list would come apart
  set(_checks -DTANDEM=$<TARGET_FILE:tandem_cli> "-DARGS=${_args}" -DEXIT=${T_EXIT})
  foreach(_check OUT ERR FILE HOLDS)
    if(DEFINED T_${_check})
      list(APPEND _checks "-D${_check}=${T_${_check}}")
    endif()
  endforeach()
  if(T_ONE_LINE)
    list(APPEND _checks -DONE_LINE=ON)
  endif()
  add_test(NAME "cli: ${name}" COMMAND ${CMAKE_COMMAND} ${_checks} -P ${_here}/expect.cmake)
  set_tests_properties("cli: ${name}" PROPERTIES TIMEOUT 300)
endfunction()

set(_study study --refits 1 --every 2)

tandem_cli_test("--version says the version" EXIT 0 OUT "^tandem [0-9]+\\.[0-9]+\\.[0-9]+\n$" ARGS --version)
tandem_cli_test("--help lists the commands and exit codes" EXIT 0 OUT "study.*Exit codes: 0 done, 1 failure, 2 wrong usage"
                ARGS --help)
tandem_cli_test("study --help names every option and gives examples" EXIT 0
                OUT "--events.*--format.*--columns.*--skip-bad.*--refits.*--every.*--repeat-items.*--seed.*--json.*--html.*Examples"
                ARGS study --help)

tandem_cli_test("no command is wrong usage" EXIT 2 ONE_LINE ERR "see \"tandem --help\"" ARGS "")
tandem_cli_test("an unknown command is wrong usage" EXIT 2 ONE_LINE ERR "no command .learn." ARGS learn)
tandem_cli_test("study without a log is wrong usage" EXIT 2 ONE_LINE ERR "--events FILE, or use --synthetic" ARGS study)
tandem_cli_test("an unknown format is wrong usage and lists the formats" EXIT 2 ONE_LINE ERR "xml.*movielens.*delimited.*jsonl"
                ARGS study --events ${_logs}/log.csv --format xml)
tandem_cli_test("--every 0 is wrong usage" EXIT 2 ONE_LINE ERR "--every" ARGS study --synthetic --every 0)
tandem_cli_test("--events and --synthetic exclude each other" EXIT 2 ONE_LINE ERR "excludes"
                ARGS study --synthetic --events ${_logs}/log.csv)
tandem_cli_test("--columns for a jsonl log is wrong usage and names what to use" EXIT 2 ONE_LINE ERR "--names"
                ARGS study --events ${_logs}/log.jsonl --columns user,item,time)
tandem_cli_test("--names with an unknown part is wrong usage" EXIT 2 ONE_LINE ERR "shop=x"
                ARGS study --events ${_logs}/log.csv --names shop=x)

tandem_cli_test("a file that is not there fails with its name" EXIT 1 ONE_LINE ERR "no-such-file.csv"
                ARGS study --events ${_logs}/no-such-file.csv)
tandem_cli_test("a column that is missing fails with its name and what to do" EXIT 1 ONE_LINE ERR "headless.csv:1: .*.item.*--names.*--columns"
                ARGS study --events ${_logs}/headless.csv)
tandem_cli_test("a bad line fails with file, line, field and remedy" EXIT 1 ONE_LINE ERR "bad.csv:2: field 'time'.*--skip-bad"
                ARGS study --events ${_logs}/bad.csv)
tandem_cli_test("a log with nothing to judge fails and says why" EXIT 1 ONE_LINE ERR "nothing is left to judge"
                ARGS study --events ${_logs}/short.csv)
tandem_cli_test("an output that cannot be written fails before the work" EXIT 1 ONE_LINE ERR "report.json.*cannot be written"
                ARGS study --events ${_logs}/log.csv --json ${_logs}/no/such/folder/report.json)

tandem_cli_test("--skip-bad leaves bad lines out and counts them" EXIT 0 ERR "left out 2 of 603 lines.*line 2"
                OUT "600 events" FILE ${_logs}/skip.json HOLDS "\"bad_lines\": 2"
                ARGS ${_study} --events ${_logs}/bad.csv --skip-bad --json ${_logs}/skip.json)
tandem_cli_test("a delimited log gives the table, no progress bar in a pipe" EXIT 0
                OUT "next event.*NDCG@10.*Hybrid.*next visit.*hybrid against.*best source.*peak memory"
                ARGS ${_study} --events ${_logs}/log.csv)
tandem_cli_test("columns can be named on the command line" EXIT 0 OUT "600 events, 80 users, 60 items"
                ARGS ${_study} --events ${_logs}/bare.tsv --format delimited --columns user,item,time)
tandem_cli_test("names of a header can be given" EXIT 0 OUT "600 events, 80 users, 60 items"
                ARGS ${_study} --events ${_logs}/renamed.csv --names user=customer,item=sku,time=at)
tandem_cli_test("the HTML report is written whole" EXIT 0 FILE ${_logs}/report.html HOLDS "^<!doctype html>.*</html>\n$"
                ARGS ${_study} --events ${_logs}/log.csv --html ${_logs}/report.html)
tandem_cli_test("JSON to standard output is JSON only; the table goes to standard error" EXIT 0 OUT "^{.*}\n$" ERR "NDCG@10"
                ARGS ${_study} --events ${_logs}/log.csv --json -)

# the process plumbing by itself
find_package(Catch2 CONFIG REQUIRED)
include(Catch)
add_executable(tandem_test_cli ${_here}/child_process_test.cpp ${_here}/output_file_test.cpp child_process.cpp)
target_include_directories(tandem_test_cli PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(tandem_test_cli PRIVATE tandem_test_support)
catch_discover_tests(tandem_test_cli TEST_PREFIX "cli: " DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
