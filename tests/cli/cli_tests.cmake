# Tests of the tandem command as a user types it; read by src/cli/CMakeLists.txt.
set(_here ${CMAKE_CURRENT_LIST_DIR})
set(_logs ${CMAKE_CURRENT_BINARY_DIR}/logs)

# write_log(<file> <header> <line>): 600 lines of 80 users and 60 items in turn: enough to judge, quick to replay.
# In the line stand @user@, @item@, @time@ (seconds), @value@ (1 to 5) and @action@ (one of ten a return).
function(write_log file header line)
  set(_text "${header}")
  foreach(_k RANGE 599)
    math(EXPR user "${_k} % 80")
    math(EXPR item "(${_k} * 7 + ${_k} / 80) % 60")
    math(EXPR time "1000000000 + 60 * ${_k}")
    math(EXPR value "1 + ${_k} % 5")
    math(EXPR _tenth "${_k} % 10")
    set(action view)
    if(_tenth EQUAL 8)
      set(action return)
    endif()
    string(CONFIGURE "${line}" _line @ONLY)
    string(APPEND _text "${_line}\n")
  endforeach()
  file(WRITE ${_logs}/${file} "${_text}")
endfunction()
write_log(log.csv "user,item,time\n" "u@user@,i@item@,@time@")
write_log(renamed.csv "customer,sku,at\n" "u@user@,i@item@,@time@")
write_log(bare.tsv "" "u@user@\ti@item@\t@time@")
write_log(bad.csv "user,item,time\nu1,i1,yesterday\nu2\n" "u@user@,i@item@,@time@")
write_log(headless.csv "user,time,other\n" "u@user@,i@item@,@time@")
write_log(rich.csv "user,item,time,action,value\n" "u@user@,i@item@,@time@,@action@,@value@")
write_log(untimed.csv "user,item\n" "u@user@,i@item@")
write_log(log.jsonl "" [[{"user": "u@user@", "item": "i@item@", "time": @time@, "action": "@action@"}]])
write_log(ml/u.data "" "@user@\t@item@\t@value@\t@time@")
write_log(ml/renamed.txt "" "@user@\t@item@\t@value@\t@time@")
write_log(ml/ratings.csv "userId,movieId,rating,timestamp\n" "@user@,@item@,@value@.5,@time@")
write_log(ml/ratings.dat "" "@user@::@item@::@value@::@time@")
file(WRITE ${_logs}/short.csv "user,item,time\nu1,i1,1000\nu1,i1,2000\nu1,i1,3000\nu1,i1,4000\n")

# tandem_cli_test(<name> EXIT <code> [OUT <regex>] [ERR <regex>] [ONE_LINE] [FILE <path> HOLDS <regex>] [REPORT <path>]
#                 [EVALUATION <path>]
#                 ARGS <arg>...)
function(tandem_cli_test name)
  cmake_parse_arguments(T "ONE_LINE" "EXIT;OUT;ERR;FILE;HOLDS;REPORT;EVALUATION" "ARGS" ${ARGN})
  string(JOIN "|" _args ${T_ARGS}) # a list in a list would come apart
  set(_checks -DTANDEM=$<TARGET_FILE:tandem_cli> "-DARGS=${_args}" -DEXIT=${T_EXIT})
  foreach(_check OUT ERR FILE HOLDS REPORT EVALUATION)
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
tandem_cli_test("--columns for a jsonl log is wrong usage and names what to use" EXIT 2 ONE_LINE ERR "--names"
                ARGS study --events ${_logs}/log.jsonl --columns user,item,time)

# an option that would be ignored is refused
foreach(_option "--events|x" "--format|jsonl" "--columns|user,item,time" "--names|user=x" "--time-unit|seconds"
                "--no-times" "--skip-bad" "--actions|view=2" "--value-as-weight")
  string(REPLACE "|" ";" _words "${_option}")
  list(GET _words 0 _option)
  tandem_cli_test("${_option} with --synthetic is wrong usage" EXIT 2 ONE_LINE ERR "${_option}: .*--synthetic: leave one out"
                  ARGS study --synthetic ${_words})
endforeach()
foreach(_option --columns --names)
  tandem_cli_test("${_option} for a MovieLens file is wrong usage" EXIT 2 ONE_LINE
                  ERR "${_option}: .*movielens.*--format delimited" ARGS study --events ${_logs}/ml/u.data ${_option} user=x)
endforeach()
tandem_cli_test("--names beside --columns is wrong usage" EXIT 2 ONE_LINE ERR "--names: .*--columns.*leave one out"
                ARGS study --events ${_logs}/bare.tsv --columns user,item,time --names user=x)
tandem_cli_test("--time-unit beside --no-times is wrong usage" EXIT 2 ONE_LINE ERR "--time-unit: .*--no-times.*leave one out"
                ARGS study --events ${_logs}/log.csv --no-times --time-unit seconds)
tandem_cli_test("a name for times beside --no-times is wrong usage" EXIT 2 ONE_LINE ERR "--names: .*--no-times"
                ARGS study --events ${_logs}/renamed.csv --no-times --names user=customer,item=sku,time=at)
tandem_cli_test("an action without a weight is wrong usage" EXIT 2 ONE_LINE ERR "'view' is not ACTION=WEIGHT"
                ARGS study --events ${_logs}/rich.csv --actions view,return=-1)
tandem_cli_test("an action with a weight that is no number is wrong usage" EXIT 2 ONE_LINE ERR "'view=much' is not ACTION=WEIGHT"
                ARGS study --events ${_logs}/rich.csv --actions view=much)
tandem_cli_test("an action named twice is wrong usage" EXIT 2 ONE_LINE ERR "'view' twice"
                ARGS study --events ${_logs}/rich.csv --actions view=1,view=2)
tandem_cli_test("a column for times beside --no-times is wrong usage" EXIT 2 ONE_LINE ERR "--columns: .*--no-times"
                ARGS study --events ${_logs}/bare.tsv --no-times --columns user,item,time)
tandem_cli_test("--actions with a weight that no event may have is wrong usage" EXIT 2 ONE_LINE ERR "--actions: 'view=1e7'.*1e6"
                ARGS study --events ${_logs}/rich.csv --actions view=1e7)
tandem_cli_test("--names with an unknown part is wrong usage" EXIT 2 ONE_LINE ERR "shop=x"
                ARGS study --events ${_logs}/log.csv --names shop=x)

tandem_cli_test("a file that is not there fails with its name" EXIT 1 ONE_LINE ERR "no-such-file.csv"
                ARGS study --events ${_logs}/no-such-file.csv)
tandem_cli_test("a column that is missing fails with its name and what to do" EXIT 1 ONE_LINE ERR "headless.csv:1: .*.item.*--names.*--columns"
                ARGS study --events ${_logs}/headless.csv)
tandem_cli_test("a name that no column has fails and lists the columns there are" EXIT 1 ONE_LINE ERR "'acton'; there are: 'user', 'item', 'time', 'action', 'value'"
                ARGS study --events ${_logs}/rich.csv --names action=acton)
tandem_cli_test("a bad line fails with file, line, field and remedy" EXIT 1 ONE_LINE ERR "bad.csv:2: field 'time'.*--skip-bad"
                ARGS study --events ${_logs}/bad.csv)
tandem_cli_test("a log with nothing to judge fails and says why" EXIT 1 ONE_LINE ERR "nothing is left to judge"
                ARGS study --events ${_logs}/short.csv)
tandem_cli_test("an action that no event has fails and lists those there are" EXIT 1 ONE_LINE ERR "action 'buy'.*its actions are: view, return"
                ARGS study --events ${_logs}/rich.csv --actions buy=3)
tandem_cli_test("--value-as-weight without values fails and says how to name them" EXIT 1 ONE_LINE ERR "--names value=NAME"
                ARGS study --events ${_logs}/log.csv --value-as-weight)
tandem_cli_test("an output that cannot be written fails before the work" EXIT 1 ONE_LINE ERR "report.json.*cannot be written"
                ARGS study --events ${_logs}/log.csv --json ${_logs}/no/such/folder/report.json)

# the main job, on every kind of log; expect.cmake looks for every key that the report promises
foreach(_log u.data ratings.csv ratings.dat)
  tandem_cli_test("MovieLens ${_log} gives a whole report, and says that its ratings are not used" EXIT 0
                  OUT "600 events, 80 users, 60 items.*Note: The ratings are not used" REPORT ${_logs}/ml-${_log}.json
                  ARGS ${_study} --events ${_logs}/ml/${_log})
endforeach()
tandem_cli_test("a MovieLens file under another name is read with --format" EXIT 0 OUT "600 events" REPORT ${_logs}/format.json
                ARGS ${_study} --events ${_logs}/ml/renamed.txt --format movielens --value-as-weight)
tandem_cli_test("a jsonl log gives a whole report, and says that its actions count alike" EXIT 0
                OUT "600 events, 80 users, 60 items.*Note: All actions count alike .view, return" REPORT ${_logs}/jsonl.json
                ARGS ${_study} --events ${_logs}/log.jsonl)
tandem_cli_test("names of a header can be given" EXIT 0 OUT "600 events, 80 users, 60 items" REPORT ${_logs}/names.json
                ARGS ${_study} --events ${_logs}/renamed.csv --names user=customer,item=sku,time=at)
tandem_cli_test("columns can be named on the command line" EXIT 0 OUT "600 events, 80 users, 60 items" REPORT ${_logs}/columns.json
                ARGS ${_study} --events ${_logs}/bare.tsv --format delimited --columns user,item,time)
tandem_cli_test("a log without times is replayed in its order" EXIT 0 OUT "600 events" REPORT ${_logs}/untimed.json
                ARGS ${_study} --events ${_logs}/untimed.csv --no-times)
tandem_cli_test("--synthetic replays an invented shop and says so" EXIT 0 OUT "In this invented shop.*synthetic" REPORT ${_logs}/synthetic.json
                ARGS study --synthetic --refits 1 --every 50 --repeat-items --seed 3)
tandem_cli_test("--repeat-items judges every K-th event of the second half" EXIT 0 OUT "150 predictions judged"
                REPORT ${_logs}/repeat.json FILE ${_logs}/repeat.json HOLDS "\"repeat_items\": true"
                ARGS ${_study} --events ${_logs}/log.csv --repeat-items)
tandem_cli_test("--skip-bad leaves bad lines out and counts them" EXIT 0 ERR "left out 2 of 603 lines.*line 2"
                OUT "600 events" REPORT ${_logs}/skip.json FILE ${_logs}/skip.json HOLDS "\"bad_lines\": 2"
                ARGS ${_study} --events ${_logs}/bad.csv --skip-bad)
tandem_cli_test("values and actions that are not used are told" EXIT 0 OUT "Note: The values.*--value-as-weight.*Note: All actions"
                ARGS ${_study} --events ${_logs}/rich.csv)
tandem_cli_test("--actions and --value-as-weight are used, and a return is not judged" EXIT 0
                OUT "60 items.\n120 predictions judged"
                REPORT ${_logs}/rich.json FILE ${_logs}/rich.json HOLDS "\"return\": -1.0.*\"value_as_weight\": true"
                ARGS ${_study} --events ${_logs}/rich.csv --repeat-items --actions view=1,return=-1 --value-as-weight)
tandem_cli_test("a delimited log gives the table, no progress bar in a pipe" EXIT 0
                OUT "next event.*NDCG@10.*Hybrid.*next visit.*hybrid against.*best source.*memory"
                ARGS ${_study} --events ${_logs}/log.csv)
tandem_cli_test("the HTML report is written whole" EXIT 0 FILE ${_logs}/report.html HOLDS "^<!doctype html>.*</html>\n$"
                ARGS ${_study} --events ${_logs}/log.csv --html ${_logs}/report.html)
tandem_cli_test("JSON to standard output is JSON only; the table goes to standard error" EXIT 0 OUT "^{.*}\n$" ERR "NDCG@10"
                ARGS ${_study} --events ${_logs}/log.csv --json -)

include(${_here}/simulate_tests.cmake)
include(${_here}/model_tests.cmake)
include(${_here}/tune_tests.cmake)
include(${_here}/ope_tests.cmake)
include(${_here}/bandit_tests.cmake)
if(TARGET tandem::sqlite)
  include(${_here}/file_tests.cmake)
endif()

# the commands' parts by themselves
find_package(Catch2 CONFIG REQUIRED)
include(Catch)
add_executable(tandem_test_cli ${_here}/child_process_test.cpp ${_here}/output_file_test.cpp ${_here}/output_folder_test.cpp
               ${_here}/interruption_test.cpp ${_here}/catalogue_test.cpp ${_here}/evaluation_test.cpp ${_here}/models_test.cpp)
target_link_libraries(tandem_test_cli PRIVATE tandem_test_support tandem_commands)
if(TARGET tandem::sqlite)
  target_sources(tandem_test_cli PRIVATE ${_here}/doctor_test.cpp ${_here}/entry_json_test.cpp ${_here}/journals_test.cpp
                                         ${_here}/import_test.cpp)
endif()
catch_discover_tests(tandem_test_cli TEST_PREFIX "cli: " DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
