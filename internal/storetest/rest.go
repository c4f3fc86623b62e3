package storetest

var startTests []test
var endTests []test
var rotateTests []test
var renewTests []test
var touchTests []test
var listTests []test
var signInTests []test
var epochTests []test
var storeTests []test
var raceTests []test
