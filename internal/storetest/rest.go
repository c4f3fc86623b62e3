package storetest

var applicationTests []test
var auditTests []test
var logTests []test
var retentionTests []test
var leaseTests []test
var startTests []test
var endTests []test
var rotateTests []test
var renewTests []test
var touchTests []test
var listTests []test
var keyTests []test
var signInTests []test
var apiKeyTests []test
var epochTests []test
var storeTests []test
var raceTests []test
