# Tests of `tandem ope`; read by cli_tests.cmake.

# 400 decisions between two actions, logged evenly; b pays three times as often. The target prefers b.
set(_text "reward,propensity,target,q,v,item,position\n")
set(_other "reward,propensity,item,position\n")
foreach(_k RANGE 399)
  math(EXPR _b "${_k} % 2")
  math(EXPR _tenth "(${_k} / 2) % 10")
  set(_reward 0)
  if((_b EQUAL 0 AND _tenth LESS 2) OR (_b EQUAL 1 AND _tenth LESS 6))
    set(_reward 1)
  endif()
  if(_b EQUAL 1)
    string(APPEND _text "${_reward},0.5,0.8,0.5,0.45,b,1\n")
    string(APPEND _other "0,0.8,b,1\n")
  else()
    string(APPEND _text "${_reward},0.5,0.2,0.25,0.45,a,1\n")
    string(APPEND _other "0,0.2,a,1\n")
  endif()
endforeach()
file(WRITE ${_logs}/ope.csv "${_text}")
file(WRITE ${_logs}/ope_other.csv "${_other}")
file(WRITE ${_logs}/ope_zero.csv "reward,propensity,target\n1,0.5,0.5\n1,0,0.5\n")
file(WRITE ${_logs}/ope_word.csv "reward,propensity,target\n1,0.5,0.5\nnan,0.5,0.5\n")
file(WRITE ${_logs}/ope_apart.csv "reward,propensity,target\n1,0.5,0\n0,0.5,0\n")
file(WRITE ${_logs}/ope_doubt.csv "reward,propensity,target\n1,0.5,0.4\n0,0.5,0.4\n1,0.5,0.41\n")
file(WRITE ${_logs}/ope_empty.csv "reward,propensity,target\n")

set(_ope ope --log ${_logs}/ope.csv)
tandem_cli_test("ope --help names every option and gives an example" EXIT 0
                OUT "--log.*--reward.*--propensity.*--target.*--policy.*--limit.*--reward-range.*--accept-doubt.*--json.*Example" ARGS ope --help)
# 0.2 * 0.2 + 0.8 * 0.6 = 0.52, whichever way
tandem_cli_test("ope estimates a policy by every estimator that the columns allow" EXIT 0
                OUT "records +400\n.*largest weight +1.6.*mean 1 / propensity +2 .*ips +0.52 .*snips +0.52 .*clipped-ips.*slope-ips.*dr +0.52 .*sndr.*switch-dr.*dros.*slope-dros"
                ARGS ${_ope} --predicted q --expected v)
tandem_cli_test("ope adds bounded intervals when the range is declared" EXIT 0
                OUT "cressie-read +0.52[0-9]* .*empirical likelihood.*bernstein.*betting.*always valid" ARGS ${_ope} --reward-range 0,1 --largest-weight 2)
tandem_cli_test("ope takes a policy from its own log" EXIT 0 OUT "\n  ips +0.52 " ARGS ope --log ${_logs}/ope.csv --item item
                --position position --policy mean-of ${_logs}/ope_other.csv)
tandem_cli_test("JSON of ope to standard output is JSON only" EXIT 0
                OUT "^{.*\"effective_sample_size\".*\"mean_weight\".*\"estimates\".*\"estimator\": \"ips\".*\"low\".*}\n$" ERR "snips" ARGS ${_ope} --json -)
tandem_cli_test("ope refuses a propensity of 0, naming the line" EXIT 1 ONE_LINE ERR "ope_zero.csv:3: field 'propensity': is 0.000000; log the probability"
                ARGS ope --log ${_logs}/ope_zero.csv)
tandem_cli_test("ope refuses a reward that is no number, naming the line" EXIT 1 ONE_LINE ERR "ope_word.csv:3: field 'reward': 'nan' is not a finite number"
                ARGS ope --log ${_logs}/ope_word.csv)
tandem_cli_test("ope gives no number without overlap" EXIT 1 ONE_LINE ERR "no overlap" ARGS ope --log ${_logs}/ope_apart.csv)
tandem_cli_test("ope gives no number when weights do not average 1" EXIT 1 ONE_LINE ERR "the weights average 0.80.*--accept-doubt"
                ARGS ope --log ${_logs}/ope_doubt.csv)
tandem_cli_test("ope --accept-doubt gives it, and warns" EXIT 0 OUT "ips .*Beware" ARGS ope --log ${_logs}/ope_doubt.csv --accept-doubt)
tandem_cli_test("ope of a log without records fails" EXIT 1 ONE_LINE ERR "needs at least 2 records, there are 0" ARGS ope --log ${_logs}/ope_empty.csv)
tandem_cli_test("ope names the columns there are" EXIT 1 ONE_LINE ERR "no column 'q'; there are: 'reward', .*--target" ARGS ope --log ${_logs}/ope_zero.csv --target q)
tandem_cli_test("ope of a file that is not there fails" EXIT 1 ONE_LINE ERR "cannot be read" ARGS ope --log ${_logs}/nowhere.csv)
tandem_cli_test("ope refuses a reward outside the declared range" EXIT 1 ONE_LINE ERR "field 'reward': is 1.000000; it must lie in the declared range"
                ARGS ${_ope} --reward-range 0,0.5)
tandem_cli_test("--predicted without --expected is wrong usage" EXIT 2 ONE_LINE ERR "need both" ARGS ${_ope} --predicted q)
tandem_cli_test("--policy beside --target is wrong usage" EXIT 2 ONE_LINE ERR "--target names the policy already"
                ARGS ${_ope} --target target --item item --policy mean-of ${_logs}/ope_other.csv)
tandem_cli_test("another --policy is wrong usage" EXIT 2 ONE_LINE ERR "not mean-of FILE" ARGS ${_ope} --item item --policy median-of x)
tandem_cli_test("--reward-range 1,0 is wrong usage" EXIT 2 ONE_LINE ERR "LOW,HIGH" ARGS ${_ope} --reward-range 1,0)
