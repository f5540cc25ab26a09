# Tests of `tandem fit`, `tandem evaluate` and `tandem recommend`; read by cli_tests.cmake.

# Users 0 to 59 to train on; of users 60 to 79 a part that is known and a part to foresee.
set(_train "user,item,action,value\n")
set(_known "user,item,action,value\n")
set(_asked "user,item,action,value\n")
foreach(_k RANGE 1199)
  math(EXPR _user "${_k} % 80")
  math(EXPR _item "(${_k} * 7 + ${_k} / 80) % 60")
  math(EXPR _value "1 + ${_k} % 5")
  math(EXPR _fifth "(${_k} / 80) % 5")
  set(_line "u${_user},i${_item},view,${_value}\n")
  if(_user LESS 60)
    string(APPEND _train "${_line}")
  elseif(_fifth EQUAL 0)
    string(APPEND _asked "${_line}")
  else()
    string(APPEND _known "${_line}")
  endif()
endforeach()
file(WRITE ${_logs}/strong/train.csv "${_train}")
file(WRITE ${_logs}/strong/known.csv "${_known}")
file(WRITE ${_logs}/strong/asked.csv "${_asked}")
file(WRITE ${_logs}/strong/few_known.csv "user,item\nv1,i0\nv1,i1\nv2,i5\n")
file(WRITE ${_logs}/strong/few_asked.csv "user,item\nv1,i1\nv1,i2\nv2,i5\nstranger,i1\n")
file(WRITE ${_logs}/strong/nobody.csv "user,item\nstranger,i1\n")
file(WRITE ${_logs}/strong/returns.csv "user,item,action\nu1,i1,return\nu2,i1,return\n")
file(WRITE ${_logs}/plain_file "not a folder")

set(_train ${_logs}/strong/train.csv)
set(_known ${_logs}/strong/known.csv)
set(_asked ${_logs}/strong/asked.csv)
set(_strong evaluate --protocol strong --train ${_train} --fold-in ${_known} --targets ${_asked})
set(_split evaluate --protocol split --train ${_logs}/strong/known.csv --targets ${_asked})

# -- help -----------------------------------------------------------------------------------------------------------------
tandem_cli_test("--help lists fit, evaluate and recommend" EXIT 0 OUT "fit .*evaluate .*recommend" ARGS --help)
tandem_cli_test("fit --help names every option and gives examples" EXIT 0
                OUT "--events.*--format.*--columns.*--merge.*--model.*--rank.*--alpha0.*--solver.*--seed.*--threads.*--out.*Examples"
                ARGS fit --help)
tandem_cli_test("evaluate --help names every option and gives an example" EXIT 0
                OUT "--protocol.*--train.*--fold-in.*--targets.*--rank.*--threads.*--json.*Example" ARGS evaluate --help)
tandem_cli_test("recommend --help names every option and gives examples" EXIT 0
                OUT "--model.*--user.*--items.*--count.*--exclude-seen.*--json.*Examples" ARGS recommend --help)

# -- fit ------------------------------------------------------------------------------------------------------------------
set(_fit fit --events ${_train} --out ${_logs}/refused)
tandem_cli_test("fit without a log is wrong usage" EXIT 2 ONE_LINE ERR "--events is required" ARGS fit --out ${_logs}/refused)
tandem_cli_test("fit without a folder is wrong usage" EXIT 2 ONE_LINE ERR "--out is required" ARGS fit --events ${_train})
tandem_cli_test("fit of an unknown model is wrong usage and lists the models" EXIT 2 ONE_LINE ERR "--model: .*ials.*popularity"
                ARGS ${_fit} --model oracle)
foreach(_option "--rank|0|lie in .1, 1024." "--rank|3.5|give an integer" "--rank|many|give an integer" "--alpha0|-1|lie in .0, inf."
                "--regularization|0|lie in .0, inf." "--nu|2|lie in .0, 1." "--epochs|0|lie in .1, 10000." "--seed|-1|give an integer"
                "--solver|chol|nearest known: 'cholesky'" "--init-stddev|x|give a number")
  string(REPLACE "|" ";" _words "${_option}")
  list(POP_BACK _words _says)
  string(JOIN " " _name ${_words})
  tandem_cli_test("fit ${_name} is wrong usage" EXIT 2 ONE_LINE ERR "--[a-z0-9-]+: .*${_says}" ARGS ${_fit} ${_words})
endforeach()
tandem_cli_test("an option that the model does not have is wrong usage" EXIT 2 ONE_LINE ERR "--rank: .*popularity; it takes none"
                ARGS ${_fit} --model popularity --rank 8)
tandem_cli_test("--steps without its solver is wrong usage" EXIT 2 ONE_LINE ERR "--steps: .*--solver conjugate_gradient"
                ARGS ${_fit} --steps 4)
tandem_cli_test("--block with another solver is wrong usage" EXIT 2 ONE_LINE ERR "--block: .*--solver block"
                ARGS ${_fit} --block 4 --solver conjugate_gradient)
tandem_cli_test("--dislikes with a model that knows none is wrong usage" EXIT 2 ONE_LINE ERR "--dislikes: ease knows no dislikes"
                ARGS ${_fit} --model ease --dislikes)
tandem_cli_test("--precision with another solver is wrong usage" EXIT 2 ONE_LINE ERR "--precision: .*the solver cholesky only"
                ARGS ${_fit} --solver block --precision bfloat16)
tandem_cli_test("fit learns from dislikes where it is asked to" EXIT 0 OUT "ials on .*2 entries"
                ARGS fit --events ${_logs}/strong/returns.csv --actions return=-1 --dislikes --rank 2 --out ${_logs}/disliked)
tandem_cli_test("fit with an unknown --merge is wrong usage" EXIT 2 ONE_LINE ERR "--merge: .*binary.*latest.*max.*sum"
                ARGS ${_fit} --merge mean)
tandem_cli_test("fit of a file that is not there fails with its name" EXIT 1 ONE_LINE ERR "no-such-file.csv"
                ARGS fit --events ${_logs}/no-such-file.csv --out ${_logs}/refused)
tandem_cli_test("fit into a file fails before the work" EXIT 1 ONE_LINE ERR "plain_file: no files can be written there"
                ARGS fit --events ${_train} --out ${_logs}/plain_file)
tandem_cli_test("fit into a folder of a folder that is not there fails" EXIT 1 ONE_LINE ERR "a folder that is there"
                ARGS fit --events ${_train} --out ${_logs}/no/such/folder)
tandem_cli_test("fit of events that all count nothing fails and says so" EXIT 1 ONE_LINE ERR "nothing to learn; see --actions"
                ARGS fit --events ${_logs}/strong/returns.csv --actions return=-1 --out ${_logs}/refused)
tandem_cli_test("fit with an action that no event has fails" EXIT 1 ONE_LINE ERR "action 'buy' .*its actions are: view"
                ARGS ${_fit} --actions buy=2)

# fit, then serve: the fixtures of the tests of recommend
function(fixture name folder)
  set_tests_properties("cli: ${name}" PROPERTIES FIXTURES_SETUP cli_${folder})
endfunction()
tandem_cli_test("fit saves a model and says what it cost" EXIT 0 OUT "ials on 60 users, 60 items, 900 entries: .* saved to"
                FILE ${_logs}/model/model.json HOLDS "\"learner\": \"ials\".*\"rank\": 8.*\"n_users\": 60.*\"seed\": 3"
                ARGS fit --events ${_train} --rank 8 --seed 3 --threads 2 --out ${_logs}/model)
fixture("fit saves a model and says what it cost" model)
tandem_cli_test("fit saves popularity" EXIT 0 OUT "popularity on 60 users" FILE ${_logs}/popular/model.json
                HOLDS "\"learner\": \"popularity\".*\"rank\": 1" ARGS fit --events ${_train} --model popularity --out ${_logs}/popular)
fixture("fit saves popularity" popular)
foreach(_model ease item-knn bpr)
  tandem_cli_test("fit saves ${_model}" EXIT 0 OUT "${_model} on 60 users" FILE ${_logs}/${_model}/model.json HOLDS "\"learner\": \"${_model}\""
                  ARGS fit --events ${_train} --model ${_model} --out ${_logs}/${_model})
  fixture("fit saves ${_model}" ${_model})
endforeach()
tandem_cli_test("fit saves biased-mf, and takes the latest of several ratings" EXIT 0 OUT "biased-mf on 60 users" FILE ${_logs}/biased-mf/model.json
                HOLDS "\"learner\": \"biased-mf\".*\"rank\": 34" ARGS fit --events ${_train} --model biased-mf --value-as-weight --out ${_logs}/biased-mf)
fixture("fit saves biased-mf, and takes the latest of several ratings" biased-mf)
tandem_cli_test("fit of biased-mf without ratings is wrong usage and says what to add" EXIT 2 ONE_LINE ERR "biased-mf learns ratings.*add --value-as-weight"
                ARGS ${_fit} --model biased-mf)
tandem_cli_test("fit of biased-mf with ratings that are all 1 is wrong usage" EXIT 2 ONE_LINE ERR "--merge: binary makes every rating 1"
                ARGS ${_fit} --model biased-mf --value-as-weight --merge binary)
foreach(_option "--k1|1|--k1: is for --weighting bm25" "--neighbours|0|lie in .1, 2.32." "--weighting|tfidf|nearest known: 'tf_idf'"
                "--normalize|maybe|true or false" "--shrinkage|-1|lie in .0, inf." "--rank|8|is no option of the model item-knn.*it takes --neighbours, --shrinkage")
  string(REPLACE "|" ";" _words "${_option}")
  list(POP_BACK _words _says)
  string(JOIN " " _name ${_words})
  tandem_cli_test("fit of item-knn with ${_name} is wrong usage" EXIT 2 ONE_LINE ERR "${_says}" ARGS ${_fit} --model item-knn ${_words})
endforeach()
foreach(_solver conjugate_gradient block)
  tandem_cli_test("fit with the solver ${_solver}" EXIT 0 OUT "ials on" FILE ${_logs}/${_solver}/model.json
                  HOLDS "\"solver\": \"${_solver}\"" ARGS fit --events ${_train} --rank 8 --solver ${_solver} --out ${_logs}/${_solver})
endforeach()
tandem_cli_test("fit takes every kind of log: jsonl with actions" EXIT 0 OUT "80 users, 60 items" FILE ${_logs}/jsonl/model.json HOLDS "n_users"
                ARGS fit --events ${_logs}/log.jsonl --actions view=1,return=-1 --rank 4 --out ${_logs}/jsonl)
tandem_cli_test("fit takes every kind of log: MovieLens, and says that ratings are not used" EXIT 0 OUT "Note: The ratings are not used"
                FILE ${_logs}/ml_model/model.json HOLDS "n_users" ARGS fit --events ${_logs}/ml/u.data --rank 4 --out ${_logs}/ml_model)
tandem_cli_test("fit takes columns without times" EXIT 0 OUT "80 users" FILE ${_logs}/columns/model.json HOLDS "n_users"
                ARGS fit --events ${_logs}/bare.tsv --columns user,item,- --rank 4 --merge sum --out ${_logs}/columns)

# -- recommend ------------------------------------------------------------------------------------------------------------
function(recommend_test name folder)
  tandem_cli_test("${name}" ${ARGN})
  set_tests_properties("cli: ${name}" PROPERTIES FIXTURES_REQUIRED cli_${folder})
endfunction()
set(_ask recommend --model ${_logs}/model)
tandem_cli_test("recommend without a model is wrong usage" EXIT 2 ONE_LINE ERR "--model is required" ARGS recommend --user u1)
tandem_cli_test("recommend for nobody is wrong usage" EXIT 2 ONE_LINE ERR "--user ID, or a history with --items" ARGS ${_ask})
tandem_cli_test("--user beside --items is wrong usage" EXIT 2 ONE_LINE ERR "leave one out" ARGS ${_ask} --user u1 --items i1)
tandem_cli_test("--exclude-seen with --user is wrong usage" EXIT 2 ONE_LINE ERR "--exclude-seen: is for --items"
                ARGS ${_ask} --user u1 --exclude-seen)
tandem_cli_test("--count 0 is wrong usage" EXIT 2 ONE_LINE ERR "--count" ARGS ${_ask} --user u1 --count 0)
tandem_cli_test("an empty item id is wrong usage" EXIT 2 ONE_LINE ERR "--items: names an empty id" ARGS ${_ask} --items i1,,i2)
tandem_cli_test("a model that is not there fails and says what a model is" EXIT 1 ONE_LINE ERR "no-model/model.json: cannot be opened; a model is a folder"
                ARGS recommend --model ${_logs}/no-model --user u1)
recommend_test("a user that the model does not know fails" model EXIT 1 ONE_LINE ERR "has no user 'stranger'" ARGS ${_ask} --user stranger)
recommend_test("an item that the model does not know fails" model EXIT 1 ONE_LINE ERR "has no item 'i99'" ARGS ${_ask} --items i1,i99)
recommend_test("recommend for a user of the log" model EXIT 0 OUT "^   1  [0-9.]+  i[0-9]+\n   2  [^\n]+\n   3  [^\n]+\n$"
               ARGS ${_ask} --user u7 --count 3)
recommend_test("recommend for a history, as JSON only" model EXIT 0
               OUT "^{\n  \"model\".*\"items\": .\n    \"i1\",\n    \"i8\"\n  .*\"recommendations\".*\"item\": \"i[0-9]+\",\n      \"score\": [0-9.]+.*}\n$"
               ARGS ${_ask} --items i1,i8 --exclude-seen --json -)
recommend_test("recommend all but one item when all others are left out" popular EXIT 0 OUT "^   1  [^\n]+\n$"
               ARGS recommend --model ${_logs}/popular --items i1 --count 1 --exclude i2)
recommend_test("recommend writes JSON to a file and the table to standard output" model EXIT 0 OUT "^   1  " FILE ${_logs}/answer.json
               HOLDS "\"user\": \"u7\"" ARGS ${_ask} --user u7 --json ${_logs}/answer.json)

foreach(_model ease item-knn bpr)
  recommend_test("recommend serves a history with ${_model}, without what is in it" ${_model} EXIT 0 OUT "^   1  [0-9.]+  i[0-9]+\n   2  [0-9.-]+  i[0-9]+\n$"
                 ARGS recommend --model ${_logs}/${_model} --items i1,i2 --exclude-seen --count 2)
endforeach()
foreach(_model bpr biased-mf)
  recommend_test("recommend serves a user of the log with ${_model}" ${_model} EXIT 0 OUT "^   1  [0-9.]+  i[0-9]+\n$"
                 ARGS recommend --model ${_logs}/${_model} --user u7 --count 1)
endforeach()
foreach(_model ease item-knn)
  recommend_test("recommend for a user with ${_model} fails and says what to name" ${_model} EXIT 1 ONE_LINE ERR "${_model}: .*knows no users; .*--items"
                 ARGS recommend --model ${_logs}/${_model} --user u7)
endforeach()
recommend_test("recommend for a history with biased-mf fails and says what to name" biased-mf EXIT 1 ONE_LINE ERR "how a history was rated.*--user"
               ARGS recommend --model ${_logs}/biased-mf --items i1)

# -- evaluate -------------------------------------------------------------------------------------------------------------
tandem_cli_test("evaluate without a protocol is wrong usage" EXIT 2 ONE_LINE ERR "--protocol is required"
                ARGS evaluate --train ${_train} --targets ${_asked})
tandem_cli_test("an unknown protocol is wrong usage" EXIT 2 ONE_LINE ERR "--protocol: .*strong.*split"
                ARGS evaluate --protocol weak --train ${_train} --targets ${_asked})
tandem_cli_test("strong without --fold-in is wrong usage" EXIT 2 ONE_LINE ERR "strong needs --fold-in FILE"
                ARGS evaluate --protocol strong --train ${_train} --targets ${_asked})
tandem_cli_test("split with --fold-in is wrong usage" EXIT 2 ONE_LINE ERR "--fold-in: .*leave one out" ARGS ${_split} --fold-in ${_known})
tandem_cli_test("evaluate refuses an option the model does not have" EXIT 2 ONE_LINE ERR "--seed: .*popularity"
                ARGS ${_strong} --model popularity --seed 1)
tandem_cli_test("users to judge who were trained on fail under strong" EXIT 1 ONE_LINE ERR "the user 'u60' of --targets is in .*--protocol split"
                ARGS evaluate --protocol strong --train ${_known} --fold-in ${_train} --targets ${_asked})
tandem_cli_test("targets of nobody who is known fail" EXIT 1 ONE_LINE ERR "no user has both known items"
                ARGS evaluate --protocol split --train ${_train} --targets ${_logs}/strong/nobody.csv)
tandem_cli_test("an output of evaluate that cannot be written fails before the work" EXIT 1 ONE_LINE ERR "cannot be written"
                ARGS ${_strong} --json ${_logs}/no/such/folder/out.json)
tandem_cli_test("evaluate strong gives the table" EXIT 0
                OUT "ials on 60 users, 60 items, 900 entries; 20 users judged, strong.*recall@20 .*recall@50 .*ndcg@100 .*precision@10 .*ndcg@10 .*mrr@10 .*coverage@10 "
                ARGS ${_strong} --rank 8)
tandem_cli_test("evaluate split judges users of the training file" EXIT 0 OUT "20 users judged, split" ARGS ${_split} --rank 8)
tandem_cli_test("evaluate says who and what is left out" EXIT 0
                OUT "; 1 users judged.*Note: 1 users of the targets.*Note: 1 users are left out.*Note: 2 targets are left out"
                ARGS evaluate --protocol strong --train ${_train} --fold-in ${_logs}/strong/few_known.csv
                --targets ${_logs}/strong/few_asked.csv --rank 4)

# expect.cmake looks for every key that the report promises
set(_json ${_logs}/evaluation.json)
tandem_cli_test("evaluate writes JSON with every key" EXIT 0 OUT "recall@20" EVALUATION ${_json} ARGS ${_strong} --rank 8 --threads 2)
tandem_cli_test("evaluate writes JSON with every key for popularity" EXIT 0 OUT "recall@20" EVALUATION ${_logs}/popular.json
                ARGS ${_strong} --model popularity)
tandem_cli_test("JSON of evaluate to standard output is JSON only" EXIT 0 OUT "^{.*}\n$" ERR "recall@20" ARGS ${_strong} --rank 8 --json -)
foreach(_model ease item-knn bpr)
  tandem_cli_test("evaluate judges ${_model}" EXIT 0 OUT "^${_model} on 60 users" EVALUATION ${_logs}/evaluation_${_model}.json
                  ARGS ${_strong} --model ${_model})
endforeach()
tandem_cli_test("evaluate judges biased-mf by its ratings, too" EXIT 0 OUT "coverage@10 .*rmse  .*mae  .*of [0-9]+ ratings"
                EVALUATION ${_logs}/evaluation_biased_mf.json FILE ${_logs}/evaluation_biased_mf.json
                HOLDS "\"merge\": \"latest\".*\"ratings\": {[^}]*\"rmse\": [0-9.]+,[^}]*\"mae\": [0-9.]+,[^}]*\"targets\": [1-9]"
                ARGS ${_split} --model biased-mf --value-as-weight)
tandem_cli_test("evaluate of biased-mf without ratings is wrong usage" EXIT 2 ONE_LINE ERR "add --value-as-weight" ARGS ${_strong} --model biased-mf)
