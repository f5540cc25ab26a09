# Tests of `tandem bandit`; read by cli_tests.cmake, after ope_tests.cmake, whose log it runs through, too.

# 600 rows of three classes that the colour tells, beside a number that says nothing and an id a row.
set(_text "size,colour,id,code,kind\n")
set(_colours red green blue)
foreach(_k RANGE 599)
  math(EXPR _kind "(${_k} * 7 + ${_k} / 11) % 3")
  math(EXPR _size "(${_k} * 37) % 101")
  math(EXPR _code "10 * ${_kind}")
  list(GET _colours ${_kind} _colour)
  string(APPEND _text "${_size}.5,${_colour},row${_k},${_code},k${_kind}\n")
endforeach()
file(WRITE ${_logs}/classes.csv "${_text}")
file(WRITE ${_logs}/classes_one.csv "size,kind\n1,a\n2,a\n")
file(WRITE ${_logs}/classes_short.csv "size,kind\n1,a\n2\n")
file(WRITE ${_logs}/classes_empty.csv "size,kind\n")
file(WRITE ${_logs}/classes_large.csv "size,kind\n1,a\n1e40,b\n")
file(WRITE ${_logs}/decisions_large.csv "arm,reward,propensity,x\na,7,0.5,1\nb,0,0.5,2\na,3,0.5,2\n")
file(WRITE ${_logs}/decisions_zero.csv "arm,reward,propensity\na,1,0.5\nb,1,0\n")

set(_classes bandit --data ${_logs}/classes.csv --ignore id)
set(_decisions bandit --log ${_logs}/ope.csv --arm item)
set(_every auto,lin_ucb,lin_ts,tuned,tuned_ts,greedy,epsilon_greedy,softmax,inverse_gap,logistic,full_logistic,beta,gaussian,ucb1,kl_ucb,exp3_ix,random)
tandem_cli_test("bandit --help names every option, policy and its number" EXIT 0
                OUT "--data.*--target.*--log.*--propensity.*--context.*--one-hot.*--ignore.*--no-standardize.*--limit.*--policies.*--epsilon.*--shuffle.*--repeat.*--delay.*--json.*lin_ucb:0.1.*alpha.*exp3_ix.*Example"
                ARGS bandit --help)
# the colour tells the class: what learns from context is right nearly always, what does not a third of the time
tandem_cli_test("bandit learns classes from a context of texts and numbers" EXIT 0
                OUT "600 rows, 3 classes, contexts of 6 numbers.*policy +mean reward +loss +last tenth.*lin_ucb:0.1 +0.9[0-9]+ +0.0[0-9]+ +1.0000 .*random +0.3[0-9]+ +0.6"
                ARGS ${_classes} --policies lin_ucb:0.1,random)
tandem_cli_test("bandit runs every policy there is" EXIT 0 OUT "  auto +0.9.*  logistic +0.[89].*  full_logistic +0.[89].*  beta +0.[34].*  exp3_ix +0.[34]"
                ARGS ${_classes} --policies ${_every})
tandem_cli_test("bandit takes the numbers of a column as names" EXIT 0 OUT "contexts of 4 numbers.*lin_ts +0.9"
                ARGS ${_classes} --ignore size,colour --one-hot code --policies lin_ts)
tandem_cli_test("bandit takes another target, with a * for several columns" EXIT 0 OUT "600 rows, 3 classes, contexts of 4 numbers"
                ARGS ${_classes} --target colour --ignore size,code* --policies greedy)
tandem_cli_test("bandit --limit reads the first rows" EXIT 0 OUT "90 rows, 3 classes" ARGS ${_classes} --limit 90 --policies greedy)
tandem_cli_test("bandit --repeat says how runs differ" EXIT 0 OUT "lin_ucb +0.9[0-9]+ \\+- 0.0.*standard deviation over 3 runs"
                ARGS ${_classes} --shuffle 5 --repeat 3 --policies lin_ucb)
# with no reward before the end, nothing is learned
tandem_cli_test("bandit --delay withholds rewards" EXIT 0 OUT "lin_ucb +0.3" ARGS ${_classes} --delay 600 --policies lin_ucb)
tandem_cli_test("bandit --epsilon is paid for" EXIT 0 OUT "lin_ucb +0.3" ARGS ${_classes} --epsilon 1 --policies lin_ucb)
tandem_cli_test("bandit writes JSON" EXIT 0
                OUT "^{.*\"rows\": 600.*\"shuffle\": 2.*\"policy\": \"lin_ucb:0.2\".*\"alpha\": 0.2.*\"mean_reward\".*\"progressive_loss\".*\"last_tenth\".*\"microseconds_a_decision\".*\"runs\".*\"rounds\": 600.*}\n$"
                ERR "lin_ucb" ARGS ${_classes} --shuffle 2 --policies lin_ucb:0.2 --json -)
# a pays 0.2, b 0.6: random earns 0.4, and what learns goes to b
tandem_cli_test("bandit replays a log by rejection, and estimates" EXIT 0
                OUT "400 records, 2 arms, contexts of 1 numbers; mean reward of the log 0.40000.*random +0.[34][0-9]+ \\+- 0.0[0-9]+ +[12][0-9][0-9] +0.40000 .*lin_ucb +0.5[0-9]+ .* 0.5[0-9]+ "
                ARGS ${_decisions} --policies random,lin_ucb)
tandem_cli_test("bandit of a log writes estimates as JSON" EXIT 0
                OUT "\"policy\": \"exp3_ix\".*\"snips\": {[^}]*\"value\".*\"support_doubtful\".*\"dr\"" ERR "dr"
                ARGS ${_decisions} --context q,v --policies ${_every} --json -)

tandem_cli_test("bandit without a file is wrong usage" EXIT 2 ONE_LINE ERR "--data FILE.*or --log FILE" ARGS bandit)
tandem_cli_test("bandit with both files is wrong usage" EXIT 2 ONE_LINE ERR "--data FILE.*or --log FILE"
                ARGS ${_classes} --log ${_logs}/ope.csv)
tandem_cli_test("bandit --target of a log is wrong usage" EXIT 2 ONE_LINE ERR "--target: is for --data" ARGS ${_decisions} --target item)
tandem_cli_test("bandit --arm of classes is wrong usage" EXIT 2 ONE_LINE ERR "--arm: is for --log" ARGS ${_classes} --arm kind)
tandem_cli_test("an unknown policy is wrong usage and lists those there are" EXIT 2 ONE_LINE ERR "no policy 'lin_usb'; there are: 'auto', 'lin_ucb'"
                ARGS ${_classes} --policies auto,lin_usb)
tandem_cli_test("a number that a policy does not take is wrong usage" EXIT 2 ONE_LINE ERR "beta takes no number" ARGS ${_classes} --policies beta:2)
tandem_cli_test("a word for a number is wrong usage" EXIT 2 ONE_LINE ERR "'lin_ucb:much' is not lin_ucb:NUMBER, its alpha"
                ARGS ${_classes} --policies lin_ucb:much)
tandem_cli_test("a policy's number out of range is wrong usage" EXIT 2 ONE_LINE ERR "'epsilon_greedy:2'.*\\[0, 1\\]"
                ARGS ${_classes} --policies epsilon_greedy:2)
tandem_cli_test("a policy named twice is wrong usage" EXIT 2 ONE_LINE ERR "names 'lin_ucb' twice" ARGS ${_classes} --policies lin_ucb:0.1,lin_ucb)
tandem_cli_test("bandit --epsilon for policies without one is wrong usage" EXIT 2 ONE_LINE ERR "none of them is among"
                ARGS ${_classes} --policies lin_ts --epsilon 0.1)
tandem_cli_test("bandit names the first line of a column of many texts" EXIT 1 ONE_LINE ERR "classes.csv:2: field 'id': 'row0' is not a number, and the column holds more than 64.*--ignore id"
                ARGS bandit --data ${_logs}/classes.csv)
tandem_cli_test("bandit refuses one-hot codes of many values" EXIT 1 ONE_LINE ERR "field 'size': the column holds more than 64.*--one-hot"
                ARGS ${_classes} --one-hot size)
tandem_cli_test("bandit names the columns there are" EXIT 1 ONE_LINE ERR "no column fits 'weight\\*'; there are: 'size', .*--ignore"
                ARGS bandit --data ${_logs}/classes.csv --ignore "weight*")
tandem_cli_test("bandit of one class fails" EXIT 1 ONE_LINE ERR "field 'kind': holds one class only" ARGS bandit --data ${_logs}/classes_one.csv)
tandem_cli_test("bandit of a short line fails, naming it" EXIT 1 ONE_LINE ERR "classes_short.csv:3: has 1 fields, not 2" ARGS bandit --data ${_logs}/classes_short.csv)
tandem_cli_test("bandit of no rows fails" EXIT 1 ONE_LINE ERR "a header and no rows" ARGS bandit --data ${_logs}/classes_empty.csv)
tandem_cli_test("bandit of numbers beyond float fails, naming the line" EXIT 1 ONE_LINE ERR "classes_large.csv:3: field 'size': '1e40' is too large"
                ARGS bandit --data ${_logs}/classes_large.csv)
tandem_cli_test("bandit of a propensity of 0 fails, naming the line" EXIT 1 ONE_LINE ERR "decisions_zero.csv:3: field 'propensity': is '0'"
                ARGS bandit --log ${_logs}/decisions_zero.csv)
tandem_cli_test("bandit refuses rewards that a policy cannot learn" EXIT 1 ONE_LINE ERR "field 'reward': beta learns rewards in \\[0, 1\\] only, and there is one of 7"
                ARGS bandit --log ${_logs}/decisions_large.csv --policies lin_ucb,beta)
tandem_cli_test("bandit refuses a context known afterwards only" EXIT 1 ONE_LINE ERR "field 'reward': a decision cannot depend on it"
                ARGS ${_decisions} --context "q,rew*")
