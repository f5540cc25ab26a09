# Tests of `tandem tune`; read by cli_tests.cmake.
set(_tune tune --events ${_logs}/log.csv --trials 4)

tandem_cli_test("tune --help names every option and gives examples" EXIT 0
                OUT "--events.*--time-unit.*--no-times.*--merge.*--protocol.*--trials.*--folds.*--held-out.*--ranges.*--model.*--seed.*--json.*Examples"
                ARGS tune --help)
tandem_cli_test("--help lists tune" EXIT 0 OUT "tune .*held-out events" ARGS --help)

# -- wrong usage ------------------------------------------------------------------------------------------------------------
tandem_cli_test("tune without a log is wrong usage" EXIT 2 ONE_LINE ERR "--events is required" ARGS tune)
tandem_cli_test("tune of an unknown model is wrong usage and lists the models" EXIT 2 ONE_LINE ERR "--model: .*ials.*ease.*popularity"
                ARGS ${_tune} --model oracle)
tandem_cli_test("tune of popularity is wrong usage" EXIT 2 ONE_LINE ERR "popularity has nothing to tune" ARGS ${_tune} --model popularity)
tandem_cli_test("tune of biased-mf is wrong usage and says what to do" EXIT 2 ONE_LINE ERR "biased-mf predicts ratings.*rmse of evaluate"
                ARGS ${_tune} --model biased-mf)
tandem_cli_test("tune refuses an option of another model" EXIT 2 ONE_LINE ERR "--rank: is no option of the model ease"
                ARGS ${_tune} --model ease --rank 8)
tandem_cli_test("tune with nothing left to search is wrong usage" EXIT 2 ONE_LINE ERR "every option that is searched for ease is given"
                ARGS ${_tune} --model ease --regularization 5)
tandem_cli_test("an unknown protocol of tune is wrong usage" EXIT 2 ONE_LINE ERR "--protocol: .*time.*strong" ARGS ${_tune} --protocol split)
foreach(_option "--ranges|alpha0=1|OPTION=LOW:HIGH" "--ranges|alpha0=1:0.1|OPTION=LOW:HIGH" "--ranges|rho=1:2|'rho' is not searched for ials"
                "--ranges|nu=0:2|lie in .0, 1." "--ranges|alpha0=0:1|lie in .0, inf." "--ranges|nu=0:1,nu=0:1|twice" "--trials|0|range" "--folds|0|range"
                "--held-out|1|lie in .0, 1." "--seed|-1|give an integer")
  string(REPLACE "|" ";" _words "${_option}")
  list(POP_BACK _words _says)
  string(JOIN " " _name ${_words})
  tandem_cli_test("tune ${_name} is wrong usage" EXIT 2 ONE_LINE ERR "--[a-z0-9-]+: .*${_says}" ARGS ${_tune} ${_words})
endforeach()
tandem_cli_test("tune with a --held-out that is no number is wrong usage" EXIT 2 ONE_LINE ERR "--held-out" ARGS ${_tune} --held-out x)
tandem_cli_test("tune with a range and a value of one option is wrong usage" EXIT 2 ONE_LINE ERR "--nu: is given a range, too: leave one out"
                ARGS ${_tune} --ranges nu=0:1 --nu 1)
tandem_cli_test("tune with a range of an option that is void is wrong usage" EXIT 2 ONE_LINE ERR "--k1: is for --weighting bm25"
                ARGS ${_tune} --model item-knn --ranges k1=1:9)
tandem_cli_test("--time-unit with users held out is wrong usage" EXIT 2 ONE_LINE ERR "--time-unit: is for --protocol time"
                ARGS ${_tune} --protocol strong --time-unit seconds)

# -- logs that cannot be tuned on -------------------------------------------------------------------------------------------
file(WRITE ${_logs}/tune/one.csv "user,item,time\na,x,1000\na,y,2000\na,z,3000\n")
file(WRITE ${_logs}/tune/same.csv "user,item,time\na,x,1000\na,y,1000\nb,z,1000\n")
file(WRITE ${_logs}/tune/apart.csv "user,item,time\na,x,1000\na,y,2000\nb,x,3000\nb,z,4000\n")
file(WRITE ${_logs}/tune/empty.csv "user,item,time\n")
tandem_cli_test("tune of a log without times fails and says what to do" EXIT 1 ONE_LINE ERR "no column 'time'.*--protocol strong"
                ARGS tune --events ${_logs}/untimed.csv)
tandem_cli_test("tune of one user fails by users" EXIT 1 ONE_LINE ERR "one.csv: .*the log has 1 users with two items or more.*longer log"
                ARGS tune --events ${_logs}/tune/one.csv --protocol strong)
tandem_cli_test("tune of too few events fails by time" EXIT 1 ONE_LINE ERR "one.csv: .*nothing to train on.*--protocol strong"
                ARGS tune --events ${_logs}/tune/one.csv)
tandem_cli_test("tune of one moment fails by time" EXIT 1 ONE_LINE ERR "same.csv: .*nothing to train on.*--protocol strong"
                ARGS tune --events ${_logs}/tune/same.csv)
tandem_cli_test("tune of users who do not come back fails by time" EXIT 1 ONE_LINE ERR "apart.csv: .*--held-out.*no user has.*hold out more"
                ARGS tune --events ${_logs}/tune/apart.csv --folds 1 --held-out 0.5)
tandem_cli_test("tune of no events fails" EXIT 1 ONE_LINE ERR "nothing to learn" ARGS tune --events ${_logs}/tune/empty.csv)
tandem_cli_test("tune of a file that is not there fails with its name" EXIT 1 ONE_LINE ERR "no-such-file.csv" ARGS tune --events ${_logs}/no-such-file.csv)
tandem_cli_test("an output of tune that cannot be written fails before the work" EXIT 1 ONE_LINE ERR "cannot be written"
                ARGS ${_tune} --json ${_logs}/no/such/folder/out.json)

# -- the search -------------------------------------------------------------------------------------------------------------
tandem_cli_test("tune of ials finds its epochs, and ends with options to paste" EXIT 0
                OUT "ials on 80 users, 60 items, 600 entries; 4 settings, 2 folds, time protocol, .*ndcg@100 +alpha0 +regularization +epochs.*\n--model ials --rank 4 --alpha0 [0-9.e-]+ --regularization [0-9.e-]+ --epochs [0-9]+\n$"
                ARGS ${_tune} --rank 4)
foreach(_model "ease;regularization" "item-knn;shrinkage" "bpr;learning-rate")
  list(GET _model 0 _name)
  list(GET _model 1 _key)
  tandem_cli_test("tune of ${_name} by users, without times" EXIT 0
                  OUT "${_name} on 80 users.*2 folds, strong protocol, 16 users judged.*\n--model ${_name} .*--${_key} [0-9.e-]+"
                  ARGS tune --events ${_logs}/untimed.csv --no-times --trials 3 --model ${_name})
endforeach()
tandem_cli_test("tune keeps what is given and searches what it is told to" EXIT 0
                OUT "ndcg@100 +nu +rank +regularization.*\n--model ials --rank [23] --alpha0 0.25 --regularization [0-9.e-]+ --nu 0.[0-9]+ --epochs [0-9]+ --seed 5\n$"
                ARGS ${_tune} --alpha0 0.25 --seed 5 --ranges nu=0.1:0.9,rank=2:3)
tandem_cli_test("tune says where the best may lie beyond its ranges" EXIT 0 OUT "Note: The best neighbours is the (low|high)est of its range"
                ARGS ${_tune} --model item-knn --shrinkage 0 --ranges neighbours=1:1.4)
tandem_cli_test("tune takes the order of a file for its times when asked to" EXIT 0 OUT "time protocol"
                ARGS tune --events ${_logs}/untimed.csv --no-times --protocol time --trials 2 --rank 4)
tandem_cli_test("tune writes JSON" EXIT 0 OUT "--model ease" FILE ${_logs}/tune.json
                HOLDS "\"protocol\": \"strong\".*\"searched\".*\"judged_users\": 8.*\"best\".*\"command_line\": \"--model ease .*\"trials\".*\"ndcg@100\".*\"simd\""
                ARGS ${_tune} --protocol strong --folds 1 --held-out 0.1 --model ease --json ${_logs}/tune.json)
tandem_cli_test("JSON of tune to standard output is JSON only" EXIT 0 OUT "^{.*}\n$" ERR "--model ease" ARGS ${_tune} --model ease --json -)

# a search that would take hours gets Ctrl-C after a second
find_program(TANDEM_TIMEOUT timeout)
if(TANDEM_TIMEOUT)
  string(JOIN "|" _args --preserve-status -s INT 1 $<TARGET_FILE:tandem_cli> tune --events ${_logs}/log.csv --trials 10000 --model bpr --epochs 10000
         --json ${_logs}/interrupted.json)
  add_test(NAME "cli: tune that is interrupted says so and writes nothing"
           COMMAND ${CMAKE_COMMAND} -DTANDEM=${TANDEM_TIMEOUT} "-DARGS=${_args}" -DEXIT=1 "-DERR=interrupted. nothing was written" -DONE_LINE=ON
                   -DABSENT=${_logs}/interrupted.json -P ${_here}/expect.cmake)
  set_tests_properties("cli: tune that is interrupted says so and writes nothing" PROPERTIES TIMEOUT 60)
endif()
